"""A text read: what was said of days and hours joined into one instant, or into a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.dates.days import Days, Today, add_months, day_said
from gateway.domain.dates.grammar import Said, said_in
from gateway.domain.dates.hours import ENDS, Hours, hours_said
from gateway.domain.dates.lexicon import cut, lexicons
from gateway.domain.dates.local import instant
from gateway.domain.dates.values import NOTHING, PARTS, Calendar, Question, QuestionKind, Reading

LONGEST = 1_000  # characters; a longer text is not read, for what stands further on might say otherwise
_TIMES = ("time", "loose_time", "part")
_MAYBE = ("maybe_dom", "maybe_ahead", "maybe_weekday")
_DEFAULT = Calendar()
_MOST = 3
K = QuestionKind


def read(phrase: str, *, at: datetime, zone: ZoneInfo, locale: str, calendar: Calendar = _DEFAULT) -> Reading:
    """What a payer's words say of a date, seen from the instant `at` in the payer's zone.

    Never raises for any phrase, and never gives an instant that is not after `at`. What can be read in several ways is a question; what is
    denied ("not Friday"), past ("I paid on Friday") or too long is no date. The locale's language is tried first, the others too.
    """
    if len(phrase) > LONGEST or not phrase:
        return NOTHING
    now = at.astimezone(UTC)
    for lexicon in lexicons(locale):
        if said := said_in(cut(phrase, lexicon)):
            today = Today(now.astimezone(zone).date(), calendar, lexicon.day_first)
            try:
                found = _Joining(said, now, zone, today).reading()
            except (OverflowError, ValueError):
                return NOTHING  # beyond the years that there are
            if found is not None:
                start, end = min(one.start for one in said), max(one.end for one in said)
                return replace(_limited(found, calendar, zone), start=start, end=end)
    return NOTHING


def _limited(found: Reading, calendar: Calendar, zone: ZoneInfo) -> Reading:
    """Nothing is answered or proposed past the biller's last instant: then that is proposed."""
    if (latest := calendar.latest) is None:
        return found
    question = found.question
    if question is not None and question.proposals:
        kept = tuple(one for one in question.proposals if one <= latest)
        if kept:
            return replace(found, question=replace(question, proposals=kept))
    elif found.at is None or found.at <= latest:
        return found
    day = question.asked_on if question is not None else found.at.date() if found.at else latest.date()
    return Reading(question=Question(K.TOO_LATE, day, (latest.astimezone(zone),), date_only=False))


@dataclass(frozen=True, slots=True)
class _Joining:
    """All that was said in one text, at one instant."""

    said: Sequence[Said]
    now: datetime
    zone: ZoneInfo
    today: Today

    def reading(self) -> Reading | None:
        if any(one.what == "ask" for one in self.said):
            return self._ask(K.WHICH_DAY, ())
        days = [one for one in self.said if one.what not in _TIMES and one.what != "pair_or_time"]
        days = [one for one in days if one.what not in _MAYBE] or days
        if any(one.what != "pay" for one in days):
            days = [one for one in days if one.what != "pay"]
        hours = self._hours(bool(days))
        if not days:
            return self._hour_alone(hours)
        if hours == "ask":
            return self._ask(K.WHICH, ())
        if any(one.what in ("ahead", "maybe_ahead") for one in days) and (counted := self._counted(days, hours)) is not None:
            return counted
        found = self._one_day(days)
        if found is None:
            return None
        return self._placed(found, hours if isinstance(hours, Hours) else None, self._part())

    def _part(self) -> tuple[str, bool] | None:
        parts = {one.values[0]: bool(one.values[1]) for one in self.said if one.what == "part"}
        if len(parts) > 1:
            parts = {name: this for name, this in parts.items() if name != "tonight"} if "evening" in parts else {}
        return next(iter(parts.items()), None)

    def _hours(self, with_day: bool) -> Hours | str | None:
        """The hour; None when none was said, "ask" when what was said does not go together."""
        times: list[tuple[int, int, bool]] = [one.values[:3] for one in self.said if one.what == "time"]
        pairs = [one.values for one in self.said if one.what == "pair_or_time"]
        if with_day:
            times += [one.values[:3] for one in self.said if one.what == "loose_time"]
            times += [(hour, minute, hour > 12) for hour, minute in pairs]
        elif pairs:
            return "ask"
        times += [(*one.values[3:5], True) for one in self.said if one.what == "iso" and len(one.values) > 3]
        if any(one.turned == "before" for one in self.said if one.what in ("time", "part")):
            return "ask"
        parts = {one.values[0] for one in self.said if one.what == "part"}
        if len(parts) > 1 and parts != {"tonight", "evening"}:
            return "ask"
        part = self._part()
        return hours_said(times, part[0] if part else None) if times else None

    def _hour_alone(self, hours: Hours | str | None) -> Reading | None:
        """An hour without a day: today's while it is ahead, else tomorrow's where nothing else can be meant."""
        part = self._part()
        today, tomorrow = self.today.day, self.today.day + timedelta(days=1)
        if hours == "ask":
            both = [one.values for one in self.said if one.what == "pair_or_time"]
            days = [found for one in both if (found := day_said("pair", (*one, "."), self.today))]
            proposals = [*self._at([day for each in days for day in each.days], ((0, self._default),))]
            proposals += [at for hour, minute in both for at in self._at((today, tomorrow), ((0, time(hour, minute)),))[:1]]
            return self._ask(K.WHICH, proposals)
        if isinstance(hours, Hours):
            if part is not None and (part[0] == "tonight" or part[1]):
                return self._placed(Days((today,)), hours, part)
            ahead = self._at((today,), hours.options)
            if hours.ask or (not ahead and hours.other and self._at((today,), ((0, hours.other),))):
                other = () if hours.other is None else ((0, hours.other),)
                return self._ask(K.WHICH, [*self._at((today,), (*hours.options, *other)), *self._at((tomorrow,), hours.options[:1])])
            return Reading(at=(ahead or self._at((tomorrow,), hours.options))[0])
        if part is None:
            return None
        name, this = part
        if name == "midnight":
            return Reading(at=self._at((tomorrow,), ((0, time(0)),))[0])
        begins_again = name in ("morning", "noon") and not this and not self._at((today,), ((0, self._hour_of(name)),))
        placed = NOTHING if begins_again else self._placed(Days((today,)), None, part)
        if placed.at is not None or this or name == "tonight":
            return placed
        return Reading(at=self._at((tomorrow,), ((0, self._hour_of(name)),))[0])

    def _counted(self, days: Sequence[Said], hours: Hours | str | None) -> Reading | None:
        """So many hours from now; None when whole days are counted."""
        counted = [one for one in days if one.what in ("ahead", "maybe_ahead")]
        steps = [step for one in counted for step in one.values]
        if not any(unit in ("minute", "hour") for _, unit in steps):
            return None
        if len(days) > 1 or hours is not None or self._part() is not None:
            return self._ask(K.WHICH, ())
        local = self.now.astimezone(self.zone)
        day = local.date()
        for number, unit in steps:
            if unit in ("month", "year"):
                day = add_months(day, number * (12 if unit == "year" else 1))
            elif unit not in ("minute", "hour"):
                day += timedelta(days=number * {"day": 1, "week": 7, "fortnight": 14}[unit])
        started = self.now if day == local.date() else instant(day, local.time(), self.zone, self.now).astimezone(UTC)
        ahead = timedelta(minutes=sum(number * {"minute": 1, "hour": 60}.get(unit, 0) for number, unit in steps))
        found = (started + ahead).astimezone(self.zone)
        if found <= self.now:
            return self._ask(K.WHICH, ())
        if counted[0].what == "maybe_ahead" or counted[0].turned:
            return self._ask(K.CONFIRM, (found,), date_only=False)
        return Reading(at=found)

    def _one_day(self, said: Sequence[Said]) -> Days | None:
        """All that was said of the day, in one; what does not go together is asked."""
        merged = _month_and_day(said)
        found = [(one, self._turn(one, days)) for one in merged if (days := day_said(one.what, one.values, self.today))]
        if len(found) < 2:
            return found[0][1] if found else None
        weekdays = [(one, days) for one, days in found if one.what == "weekday" and not one.values[1] and not one.turned]
        others = [days for one, days in found if (one, days) not in weekdays]
        names = {one.values[0] for one, _ in weekdays}
        if len(names) > 1:
            return _either([days for _, days in found], K.WHICH)
        if not others:
            return weekdays[0][1]
        joined = _met(others)
        if joined is None:
            return _either([days for _, days in found], K.WHICH)
        if not names or (joined.ask is not None and not joined.days):
            return joined
        fits = tuple(day for day in _spread(joined) if day.weekday() in names)
        if len(fits) == 1 and joined.ask in (None, K.WHICH):
            return Days(fits)
        if joined.ask is not None:
            return joined
        return _either([joined, weekdays[0][1]], K.MISMATCH)

    def _turn(self, said: Said, found: Days) -> Days:
        """After, before or "not until" a day: close to it, and asked."""
        if not said.turned:
            return found
        if found.ask is not None and not found.days:
            return found
        last = found.until or found.days[-1]
        day = {"after": last + timedelta(days=1), "before": found.days[0] - timedelta(days=1), "until": found.days[0]}[said.turned]
        return Days((day,), found.ask or K.CONFIRM, about=found.about, said=found.said)

    def _placed(self, found: Days, hours: Hours | None, part: tuple[str, bool] | None) -> Reading:
        """Hours put on days."""
        if hours is None and part is not None and part[0] == "midnight":
            return self._ask(K.WHICH, self._at([day + timedelta(days=more) for day in found.days for more in (0, 1)], ((0, time(0)),)))
        date_only = hours is None and part is None
        if part is not None and part[0] == "tonight" and found.days and found.days != (self.today.day,):
            return self._ask(K.MISMATCH, self._at((self.today.day, *found.days), ((0, self._hour_of("tonight")),)))
        if hours is not None:
            options = hours.options
            if hours.ask and found.ask is None and len(options) == 2 and found.days == (self.today.day,):
                hours = replace(hours, ask=len(self._at(found.days, options)) != 1)
        else:
            options = ((0, self._default if part is None else self._hour_of(part[0])),)
        ahead = self._at(found.days, options)
        if hours is None and self.today.day in found.days and not any(one.date() == self.today.day for one in ahead):
            ahead = sorted({*ahead, *self._rest_of_today(part)})
        if found.ask is not None:
            return self._ask(found.ask, ahead, date_only=date_only, about=found.about, said=found.said)
        if hours is not None and hours.ask:
            return self._ask(K.WHICH, ahead)
        if not ahead:
            later = [] if hours is None or hours.other is None else self._at(found.days, ((0, hours.other),))
            tomorrow = self._at([day + timedelta(days=1) for day in found.days], options)
            return self._ask(K.PASSED, [*later, *tomorrow], date_only=date_only, about=found.days[0] if date_only else None)
        return Reading(at=ahead[0], date_only=date_only, until=found.until)

    def _rest_of_today(self, part: tuple[str, bool] | None) -> list[datetime]:
        """What is left of today, or of the part of it that was said, when the usual hour has passed."""
        today = (self.today.day,)
        if part is None:
            parts = sorted(self._hour_of(name) for name in PARTS)
            return self._at(today, [(0, hour) for hour in (*parts, time(23, 59))])[:1]
        local = self.now.astimezone(self.zone)
        if local.time() >= ENDS[part[0]] or local.hour >= 23:
            return []
        return [at for at in self._at(today, ((0, time(local.hour + 1)),)) if at.time() < ENDS[part[0]]]

    def _at(self, days: Iterable[date], options: Iterable[tuple[int, time]]) -> list[datetime]:
        """The instants of these hours on these days that are ahead, soonest first."""
        options = list(options)
        made = {instant(day + timedelta(days=more), hour, self.zone, self.now) for day in days for more, hour in options}
        return sorted(one for one in made if one > self.now)

    def _hour_of(self, part: str) -> time:
        name = "evening" if part == "tonight" else part
        return self.today.calendar.parts.get(name) or PARTS[name]

    @property
    def _default(self) -> time:
        return self.today.calendar.default_time

    def _ask(self, kind: QuestionKind, proposals: Iterable[datetime], *, date_only: bool = False, **about: Any) -> Reading:
        kept = tuple(sorted(set(proposals))[:_MOST])
        return Reading(question=Question(kind, self.today.day, kept, date_only, **about))


def _month_and_day(said: Sequence[Said]) -> list[Said]:
    """ "On the 15th, December" is the 15th of December; a month beside a day that has one says nothing."""
    months = [one for one in said if one.what == "month"]
    rest = [one for one in said if one.what != "month"]
    doms = [one for one in rest if one.what == "dom"]
    if len(months) == 1 and len(doms) == 1 and not doms[0].values[1]:
        made = replace(doms[0], what="day_month", values=(doms[0].values[0], *months[0].values))
        return [made if one is doms[0] else one for one in rest]
    return list(said)


def _spread(found: Days) -> tuple[date, ...]:
    """Every day that it may be."""
    if found.until is None:
        return found.days
    return tuple(found.days[0] + timedelta(days=count) for count in range((found.until - found.days[0]).days + 1))


def _met(found: Sequence[Days]) -> Days | None:
    """The one day that all of them may be; None when there is none, or more."""
    if len(found) == 1:
        return found[0]
    common = set.intersection(*(set(_spread(one)) for one in found))
    if len(common) == 1 and all(one.ask in (None, K.WHICH) for one in found):
        return Days(tuple(common))
    return found[0] if all(one == found[0] for one in found) else None


def _either(found: Sequence[Days], kind: QuestionKind) -> Days:
    return Days(tuple(sorted({day for one in found for day in one.days})), kind)
