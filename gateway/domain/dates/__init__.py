"""When a payer means: dates in what people write, in Romanian and English. Unknown is allowed, wrong is not.

Pure: no clock, no I/O. Each language is one file of words in `languages`; the grammar is patterns over kinds of words and knows none.
"""

from __future__ import annotations

from gateway.domain.dates.asking import instant_text, question_text
from gateway.domain.dates.reading import LONGEST, read
from gateway.domain.dates.values import Calendar, Question, QuestionKind, Reading

__all__ = ["LONGEST", "Calendar", "Question", "QuestionKind", "Reading", "instant_text", "question_text", "read"]
