"""Romanian, as payers write it: with and without diacritics, in full and as in an SMS."""

from __future__ import annotations

WORDS: dict[str, dict[object, str]] = {
    "day": {
        0: "azi, astăzi, astazi, asta zi, ziua de azi",
        1: "mâine, mîine, miine, mane, mn, ziua de mâine",
        2: "poimâine, poimîine, poimiine, poimane, poi maine",
        3: "răspoimâine, raspoimane",
    },
    "weekday": {
        1: "marți, mărți",
        2: "miercuri, mierc, miercurea asta, mercuri",
        3: "joi",
        4: "vineri, vineru, viner",
        5: "sâmbătă, sîmbătă, simbata, samb, sâmb, sb",
        6: "duminică, dumineca, dum, dumin",
    },
    "habit": {
        0: "lunea",
        1: "marțea, martea",
        2: "miercurea",
        3: "joia",
        4: "vinerea",
        5: "sâmbăta aceea, sambetele",
        6: "duminicile",
    },
    "moons": {0: "luni"},  # Monday, or months
    "month": {
        1: "ianuarie, ian, ianuar",
        2: "februarie, feb, febr",
        3: "martie",
        4: "aprilie, apr",
        6: "iunie, iun",
        7: "iulie, iul",
        8: "august, aug",
        9: "septembrie, sept, sep, septemvrie",
        10: "octombrie, oct, octomvrie",
        11: "noiembrie, nov, noemvrie, noembrie, noiemb",
        12: "decembrie, dec, decemvrie, decembre",
    },
    "fragile_month": {5: "mai", 3: "mar"},
    "unit": {
        "minute": "minut, minute, min, minuțele",
        "hour": "ora asta, ore, ceas, ceasuri, oruța",
        "day": "zi, zile, ziua, zilei, zilele",
        "week": "săptămână, săptămâna, săptămâni, săptămânii, sapt, săpt, săptămînă, săptămîna, săptămîni, saptamina, saptamini",
        "month": "lună, luna, lunii",
        "year": "an, ani, anul, anului",
    },
    "hour_word": {"o'clock": "oră, ora"},
    "article": {1: "o, un"},
    "half": {30: "jumătate, jumate, juma, jum"},
    "quarter": {15: "sfert"},
    "on": {1: "pe, pe data de, data de, în data de, la data de, pe ziua de, în ziua de, p"},
    "at": {1: "la, pe la, în jur de, în jurul orei, cam pe la"},
    "hour": {1: "orele, h, orelor, la ora, la orele, pe la ora, de la ora, după ora, până la ora, pana la orele"},
    "in": {1: "în, peste, intr, într, în decurs de, în termen de, în maxim, în maximum, in cel mult"},
    "by": {
        1: "nu mai târziu de, mai devreme de, mai repede de, până, pana, pîna, pină, pina, decât, cel târziu, cel mai târziu"
    },
    "after": {1: "după, dupa ce trece, dupa ce trec"},
    "before": {1: "înainte, înaintea, inainte sa vina"},
    "next": {1: "viitor, viitoare, viitorul, următor, următoare, următoarea, următorul, urmatoru, următorii"},
    "this": {
        1: "asta, această, aceasta, acesta, acest, ăsta, astă, asteia, ăsteia, acesteia, acestei, acestui, curentă, curent, curente"
    },
    "coming": {1: "care vine, ce vine, care urmează, ce urmează"},
    "last": {1: "trecut, trecută, trecuta, trecutul, trecute, precedentă, anterioară"},
    "part": {
        "morning": "dimineață, dimineața, dimineata asta, dis de dimineață, dim, dimi, la prima oră, prima oră, de dimineață",
        "noon": "prânz, prânzul, amiază, amiaza",
        "afternoon": "după amiază, după amiaza, după masă, după masa, dupămasă, după prânz, dupaamiaza, dupamiaza, dupaamiaza, "
        "d.a., după mese",
        "evening": "seară, seara, spre seară",
        "night": "noapte, noaptea, la noapte",
        "midnight": "miezul nopții, miez de noapte",
        "tonight": "diseară, disera, deseară, astă seară, astăseară, in seara asta, seara asta, seara aceasta, azi seară, azi seara",
    },
    "but": {1: "dar, însă, ci, ori, iar, deci, altfel, atunci"},
    "or": {1: "sau"},
    "and": {1: "și, si"},
    "end": {1: "sfârșit, sfârșitul, sfîrșit, sfîrșitul, sf, finalul, final, finele, ultima zi, capătul"},
    "start": {1: "început, începutul, prima zi, inceputu, debutul"},
    "middle": {1: "mijlocul, jumătatea, mijloc, jumatea, jumatatea"},
    "of": {1: "de"},
    "genitive": {1: "a, al, ale, lui"},
    "from": {1: "din, de pe, începând cu, emisă pe, emisă la, scadentă pe, scadentă la, scadenta, scadent"},
    "feast": {
        "01-01": "anul nou, întâi ianuarie",
        "01-06": "bobotează, boboteaza",
        "01-07": "sf ion, sfântul ion, sfantu ion",
        "01-24": "ziua unirii, mica unire",
        "02-24": "dragobete",
        "03-01": "mărțișor",
        "03-08": "ziua femeii",
        "05-01": "ziua muncii",
        "06-01": "ziua copilului",
        "08-15": "sf maria, sfânta maria, sfanta marie, adormirea maicii domnului",
        "11-30": "sf andrei, sfântul andrei, sfantu andrei",
        "12-06": "sf nicolae, sfântul nicolae, sfantu nicolae, moș nicolae",
        "12-24": "ajun, ajunul, ajunul crăciunului, ajunul de crăciun, ajun de crăciun, seara de ajun",
        "12-25": "prima zi de crăciun",
        "12-26": "a doua zi de crăciun",
        "12-31": "revelion, revelionul, revelionului, ajunul anului nou",
        "national": "ziua națională",
        "good_friday": "vinerea mare, vinerea paștelui",
        "palm_sunday": "florii, floriile, duminica floriilor",
        "easter": "duminica paștelui, prima zi de paște, paștele ortodox",
        "easter_monday": "a doua zi de paște, lunea paștelui",
        "pentecost": "rusalii, rusaliile, duminica rusaliilor",
        "": "sărbători, sărbătorile, sărbătorilor, paște catolic, paștele catolic, pastile catolice, minivacanță, black friday, "
        "vinerea neagră, concediu, vacanță, crăciun pe rit vechi",
    },
    "fragile_feast": {
        "easter": "paște, paștele, paști, paștile, paștelui, paștilor",
        "12-25": "crăciun, crăciunul, crăciunului",
    },
    "pay": {
        "salary": "salariu, salariul, salar, salarul, salariului, leafă, leafa, lefii, ziua de salariu, iau salariul, "
        "iau salariu, primesc salariul, "
        "primesc salariu, intră salariul, intra salariu, vine salariul, îmi intră salariul, imi intra banii, intră banii, "
        "îmi intră leafa, iau leafa, "
        "iau banii, avans, chenzină, chenzina, lichidare, lichidarea",
        "pension": "pensie, pensia, pensiei, iau pensia, vine pensia, primesc pensia",
    },
    "weekend": {
        1: "weekend, weekendul, weekend-ul, week end, wekend, wkend, weekendu, sfârșit de săptămână, sfârșitul de săptămână"
    },
    "currency": {1: "lei, leu, ron, euro, eur, bani, usd, dolari, lire, roni, la sută"},
    "counted": {
        1: "facturi, factură, factura, facturile, rate, rată, rata, tranșe, persoane, plăți, mesaje, copii, abonamente, "
        "restanțe, penalități, "
        "contracte, bucăți, parte, părți, clienți, camere, apartament, bloc, scara, nr, numărul, strada, etaj"
    },
    "every": {1: "fiecare, în fiecare, de fiecare, toate"},
    "not": {
        1: "nu, n am, n o, nici, niciodată, fără, în loc de, în afară de, mai puțin, nu e, n are, n avem, imposibil"
    },
    "past": {
        1: "am plătit, am achitat, am făcut plata, am dat, am virat, am trimis, am depus, a plătit, s a plătit, a fost plătită, "
        "a fost achitată, plătită, "
        "achitată, plătit, achitat, am făcut, am primit, ați trimis, mi ați, mi a venit, am pus, de ce, ieri am, am vorbit, "
        "am sunat, am fost, am încercat, am uitat, am luat, cât, câte, câți, cum de"
    },
    "ago": {1: "în urmă"},
    "hence": {1: "de acum, de azi, de acum încolo, de acum înainte"},
    "now": {1: "acum, acu, acuma, imediat"},
    "gone": {
        1: "ieri, aseară, alaltăieri, azi noapte, azinoapte, ieri seară, ieri dimineață, alaltaseara, răsalaltăieri"
    },
    "delay": {1: "cu, încă, mai dați mi, mai vreau, mai am nevoie de, dați mi, lăsați mi, îmi mai trebuie"},
    "few": {1: "câteva, cîteva, vreo câteva, niște, multe, puține, ultimele, mai multe, atâtea, alte"},
    "act": {
        1: "plătesc, platesc, achit, voi plăti, o să, vă plătesc, amintește, amintiți, adu mi, reamintiți, reamintește, anunță, "
        "anunțați, nu uita, nu uitați, "
        "pot, virez, depun, trimit, fac plata, fac, se poate, aș putea, am să, voi, vreau, vin, promit, rezolv, scrie mi, "
        "sună mă, trimite mi"
    },
    "minus": {1: "fără un, fără o"},
    "between": {1: "între, dintre"},
    "more": {
        1: "mult, mulți, multă, târziu, tarziu, puțin, puțină, puțini, bine, bun, bună, buni, rău, devreme, încolo, mic, mică, "
        "mici, mare, mari, "
        "repede, vechi, veche, ieftin, ales, aproape, departe, degrabă, curând, am, vedem, sus, jos, exact, nou, noi, ai, are, "
        "avem, lungi, trebuie, "
        "poți, puteți, este, e, sunt, vine, trimiteți, dați"
    },
    "unknown": {
        1: "bună seara, bună ziua, bună dimineața, noapte bună, o seară bună, seară bună, o zi bună, zi bună, seară frumoasă, "
        "o seară frumoasă, zi frumoasă, "
        "o zi frumoasă, zi plăcută, seară plăcută, week end plăcut, weekend plăcut, weekend frumos, săptămână frumoasă, "
        "o săptămână frumoasă, o săptămână bună, "
        "paște fericit, paște frumos, crăciun fericit, sărbători fericite, sărbători frumoase, an nou fericit, la mulți ani, "
        "sărbătorile de, "
        "de ce nu, zi de zi, din zi în zi, zilele astea, zilele acestea, zi noapte, zi și noapte, o dată, încă o dată, din nou"
    },
    "noise": {
        1: "vreo, vreun, undeva, cam, aproximativ, chiar, tot, la un moment dat, va rog, te rog, vă rog frumos, "
        "fără probleme, fără nicio problemă, fără nici o problemă, fără întârziere, fără discuții, fără supărare, fără stres, "
        "fără grijă, fără greș, fără doar și poate"
    },
}
NUMBERS = {
    "doo": 2, "unu": 1, "una": 1, "doi": 2, "două": 2, "trei": 3, "patru": 4, "cinci": 5, "șase": 6, "sase": 6, "șapte": 7,
    "opt": 8, "nouă": 9, "zece": 10,
    "unsprezece": 11, "unșpe": 11, "doisprezece": 12, "douăsprezece": 12, "doișpe": 12, "treisprezece": 13, "treișpe": 13,
    "paisprezece": 14,
    "paișpe": 14, "cincisprezece": 15, "cinșpe": 15, "cincispe": 15, "șaisprezece": 16, "șaișpe": 16, "șaptesprezece": 17,
    "șaptișpe": 17,
    "optsprezece": 18, "optișpe": 18, "nouăsprezece": 19, "nouășpe": 19,
}  # fmt: skip
TENS = {"douăzeci": 20, "treizeci": 30, "patruzeci": 40, "cincizeci": 50, "șaizeci": 60, "nouăzeci": 90}
JOIN = (" și ", " ")
ORDINALS = {"întâi": 1, "întîi": 1, "intai": 1}
ORDINARY = (
    "marta martha marin marina marius martin martor marfa marca marti maria marie marian mariei iulia iulius iulian iunia "
    "augusta vinuri vinere vinerii "
    "scara scări seria searbăd serii sera poate coapte luniu lunar lunara mainile manie mainte plasa prima primii prinz prunz "
    "unite minte minut minuta "
    "miere mierea viitorii dominica sambata zilnic urmare octavian noapte noaptea pranzul urmatori dupa august seama ceara teara seară"
)
DAY_FIRST: dict[str, bool | None] = {"": True}
MONTHS = (
    "ianuarie", "februarie", "martie", "aprilie", "mai", "iunie", "iulie", "august", "septembrie", "octombrie", "noiembrie",
    "decembrie",
)  # fmt: skip
WEEKDAYS = ("luni", "marți", "miercuri", "joi", "vineri", "sâmbătă", "duminică")
TEXTS = {
    "day": "{weekday}, {day} {month}",
    "plain": "{day} {month}",
    "year": " {year}",
    "time": ", ora {hour}:{minute:02}",
    "or": " sau ",
    "want": "vrei {proposals}?",
    "passed": "{about} a trecut",
    "no_such_day": "{about} nu există",
    "too_late": "Cel mai târziu se poate {latest}",
    "which": "Nu e limpede când",
    "which_day": "În ce zi anume",
    "pay_day": "Pe ce dată îți intră banii",
    "mismatch": "Ziua și data nu se potrivesc",
    "confirm": "Am înțeles bine",
}
