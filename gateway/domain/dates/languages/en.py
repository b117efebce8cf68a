"""English, British and American, as payers write it."""

from __future__ import annotations

WORDS: dict[str, dict[object, str]] = {
    "day": {
        0: "today, 2day, todays",
        1: "tomorrow, tomorow, tommorow, tommorrow, tomorro, tmrw, tmr, tmrrw, tomo, 2morrow, 2moro, tomorrows, morrow",
        2: "day after tomorrow, overmorrow, day after tmrw, day after tomorow",
    },
    "weekday": {
        0: "monday",
        1: "tuesday, tue, tues",
        2: "wednesday, weds, wednsday, wensday, wendsday, wedensday",
        3: "thursday, thu, thur, thurs",
        4: "friday, fri",
        5: "saturday",
        6: "sunday",
    },
    "habit": {0: "mondays", 1: "tuesdays", 2: "wednesdays", 3: "thursdays", 4: "fridays", 5: "saturdays", 6: "sundays"},
    "fragile_weekday": {0: "mon", 2: "wed", 5: "sat", 6: "sun"},
    "month": {
        1: "january, jan",
        2: "february, feb, febuary",
        4: "april, apr",
        6: "june, jun",
        7: "july, jul",
        8: "august, aug",
        9: "september, sept, sep",
        10: "october, oct",
        11: "november, nov",
        12: "december, dec, decembre",
    },
    "fragile_month": {3: "march, mar", 5: "may"},
    "unit": {
        "minute": "minute, minutes, min, mins",
        "hour": "hour, hours, hr, hrs",
        "day": "day, days, days time",
        "week": "week, weeks, wk, wks, weeks time",
        "fortnight": "fortnight, fortnights",
        "month": "month, months, mth, months time",
        "year": "year, years, yr",
    },
    "article": {1: "a, an"},
    "half": {30: "half"},
    "quarter": {15: "quarter"},
    "on": {1: "on, on date"},
    "at": {},
    "hour": {1: "at, around"},
    "in": {1: "in, within, over, in about, in around"},
    "by": {1: "by, until, till, til, before end of day, no later than, up to"},
    "after": {1: "after, past"},
    "before": {1: "before, prior to"},
    "next": {1: "next, following"},
    "this": {1: "this, current"},
    "coming": {1: "coming, upcoming, this coming"},
    "last": {1: "last, previous"},
    "part": {
        "morning": "morning, first thing",
        "noon": "noon, midday, lunchtime, lunch, lunch time",
        "afternoon": "afternoon, arvo",
        "evening": "evening, eve",
        "night": "night",
        "midnight": "midnight",
        "tonight": "tonight, tonite, 2nite, this evening, today evening",
    },
    "but": {1: "but, then, instead, because, so, however, otherwise"},
    "or": {1: "or"},
    "and": {1: "and"},
    "end": {1: "end, last day, month end"},
    "start": {1: "start, beginning, first day"},
    "middle": {1: "middle, mid"},
    "of": {1: "of"},
    "from": {1: "from, dated, since, issued on, due on"},
    "feast": {
        "01-01": "new years day, new year, new years",
        "02-14": "valentines, valentines day, valentine's day",
        "12-24": "christmas eve, xmas eve",
        "12-25": "christmas day, christmas, xmas, xmas day",
        "12-26": "boxing day, second day of christmas",
        "12-31": "new years eve, nye",
        "national": "national day",
        "good_friday": "good friday",
        "easter": "easter, easter sunday, easter day",
        "easter_monday": "easter monday",
        "palm_sunday": "palm sunday",
        "pentecost": "pentecost, whitsun",
        "thanksgiving": "thanksgiving",
        "": "holidays, holiday, vacation, catholic easter, bank holiday",
    },
    "pay": {
        "salary": "payday, pay day, i get paid, get paid, i am paid, im paid, my salary, salary, my wages, wages, my salary comes, salary comes in, paycheck, my paycheck, "
        "get my salary, my pay, receive my salary, receive salary, money comes in",
        "pension": "pension, my pension, get my pension",
    },
    "weekend": {1: "weekend, wkend, wknd, week end, week-end"},
    "currency": {1: "lei, ron, euro, euros, eur, usd, dollars, pounds, gbp, percent, quid, bucks"},
    "counted": {
        1: "invoices, invoice, bill, bills, installments, instalments, parts, payments, times, people, messages, condition, account, moment, occasion, thing, "
        "apartment, flat, number, no, items, hand, time, point, reminder, reminders, one, ones"
    },
    "every": {1: "every, each"},
    "not": {1: "not, cant, cannot, wont, never, dont, didnt, couldnt, isnt, no later, unable, doesnt, without, rather than"},
    "past": {
        1: "i paid, paid, already paid, ive paid, i have paid, was paid, sent, i sent, transferred, i transferred, received, got, you said, you told, "
        "came, was, were, did, made payment, made the payment, i made"
    },
    "ago": {1: "ago, earlier, back"},
    "hence": {1: "from now, from today, hence, later"},
    "now": {1: "now, right now"},
    "gone": {1: "yesterday, last night, day before yesterday, yesterday evening, yesterday morning"},
    "delay": {1: "another, give me, extra, additional, need"},
    "few": {1: "few, a few, couple of, a couple of, several, some, couple, a couple, many"},
    "act": {
        1: "pay, ill, i will, will, remind, remind me, lets, let us, going to, gonna, i can, promise, dont forget, send, do it, settle, fine, works, ok, okay"
    },
    "past_hour": {1: "half past"},
    "to_hour": {1: "to"},
    "oclock": {1: "oclock, o clock"},
    "meridian": {0: "am", 12: "pm"},
    "between": {1: "between"},
    "more": {1: ""},
    "unknown": {
        1: "good morning, good afternoon, good evening, good night, nice day, great day, nice evening, nice weekend, good weekend, great weekend, lovely weekend, "
        "happy easter, merry christmas, happy christmas, happy new year, happy holidays, why not, one day, some day, day by day, these days, at night, day and night, "
        "second thought, second thoughts, i second, one second, a second, wait a minute, one minute, just a minute, a minute"
    },
    "noise": {1: "the, please, pls, plz, maybe, exactly, very"},
}
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
JOIN = (" ", "-")
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11,
    "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19,
    "twentieth": 20, "twenty first": 21, "twenty second": 22, "twenty third": 23, "twenty fourth": 24, "twenty fifth": 25, "twenty sixth": 26,
    "twenty seventh": 27, "twenty eighth": 28, "twenty ninth": 29, "thirtieth": 30, "thirty first": 31,
}  # fmt: skip
ORDINARY = (
    "right might light sight fight eights match marsh larch mouth mouths seeks weeds reeks weeds meeks evenings money honey monde moaning mourning warning "
    "sunny sundry nights knight weight height heights tonic moon boon later laters aprils julys junes hours houre flours yours minutes minute paste pasted "
    "caster faster eastern master easier fridge today toddy ending morning"
)
DAY_FIRST: dict[str, bool | None] = {"": None, "US": False, "GB": True, "IE": True, "RO": True, "AU": True, "NZ": True}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TEXTS = {
    "day": "{weekday}, {day} {month}",
    "plain": "{day} {month}",
    "year": " {year}",
    "time": " at {hour}:{minute:02}",
    "or": " or ",
    "want": "do you want {proposals}?",
    "passed": "{about} has passed",
    "no_such_day": "there is no {about}",
    "too_late": "The latest possible is {latest}",
    "which": "It is not clear when",
    "which_day": "On which day exactly",
    "pay_day": "On which date are you paid",
    "mismatch": "The weekday and the date do not agree",
    "confirm": "Did I get that right",
}
