"""A language is one module of tables here, named by its two letters; nothing else has to know of it.

`WORDS`: by kind (`lexicon.KINDS`), what a word stands for and how it is written, with commas between. Diacritics, case and
apostrophes do not matter. `NUMBERS`, `TENS`, `JOIN`, `ORDINALS`: numbers in words. `ORDINARY`: words that
are no typos of ours. `DAY_FIRST`: what 3/4 is, by region; where it says None, it is asked. `TEXTS`: how each question is asked.
"""
