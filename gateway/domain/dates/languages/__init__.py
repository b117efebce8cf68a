"""A language is one module of tables here, named by its two letters; nothing else has to know of it.

`WORDS`: by kind (`lexicon.KINDS`), what a word stands for and how it is written, with commas between; diacritics, case and apostrophes do not
matter. `NUMBERS`, `TENS`, `JOIN`, `ORDINALS`: numbers in words. `ORDINARY`: words that a typo of ours must not be seen in.
`DAY_FIRST`: what 3/4 is, by region; where it says None, it is asked. `TEXTS`: how each question is asked.
"""
