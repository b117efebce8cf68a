"""A biller's file: what is right is read, and all that is wrong in any file is said at once, by its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from gateway.config import Biller, ConfigError, load_biller, load_billers
from gateway.ports.values import Secret
from gateway.signing import new_secret
from tests.harness.tables import NEVER, Mode, PigeonSettings, Plugins, faults_of, write

ACME = """
    [biller]
    slug = "acme"
    legal_name = "Acme Energie SRL"
    display_name = "Acme"
"""
WHISTLE = {"WHISTLE": NEVER}


IDENTITY = '[biller]\nslug = "acme"\nlegal_name = "Acme SRL"\ndisplay_name = "Acme"\n'


class TestBiller:
    def test_a_minimal_file_gets_the_defaults(self, tmp_path: Path) -> None:
        config = load_biller(write(tmp_path / "acme.toml", ACME), Plugins())
        assert config.slug == "acme"
        identity = config.biller.biller
        assert (identity.locale, identity.time_zone, identity.region) == ("ro", "Europe/Bucharest", "RO")
        assert config.biller.payments.poll_s == ()
        assert config.biller.payments.attempt_minutes == 30
        assert config.biller.delivery.receipt
        assert (config.channels, config.providers, config.push) == ((), (), ())

    def test_a_full_file(self, tmp_path: Path) -> None:
        (tmp_path / "logo.png").write_bytes(b"\x89PNG")
        write(tmp_path / "old", "older\n")
        secret = new_secret()
        file = write(
            tmp_path / "acme.toml",
            """
            [biller]
            slug = "acme"
            legal_name = "Acme Energie SRL"
            display_name = "Acme"
            locale = "EN-gb"
            time_zone = "Europe/London"
            country = "GB"
            default_region = "RO"
            address = "1 High Street"
            support_email = "help@ACME.example"
            support_phone = "0722 123 456"
            website = "https://acme.example"
            [brand]
            colour = "#AABBCC"
            logo = "logo.png"
            [delivery]
            channels = [{ channel = "sms", wait = "10m" }, { channel = "backup" }, { channel = "third", wait = "0s" }]
            receipt = false
            [payments]
            refund_duplicates = "auto"
            poll = ["5s", "1m", "1h"]
            attempt_minutes = 15
            [channels.sms]
            adapter = "pigeon"
            loft = "Bran"
            whistle = { env = "WHISTLE" }
            old_whistles = [{ file = "old" }]
            speed = 2
            wings = 4
            tired = true
            mode = "test"
            ring = "gold"
            [channels.backup]
            adapter = "pigeon"
            loft = "Cluj"
            whistle = { env = "WHISTLE" }
            [channels.third]
            adapter = "pigeon"
            loft = "Iasi"
            whistle = { env = "WHISTLE" }
            [providers.barter]
            loft = "market"
            whistle = { env = "WHISTLE" }
            methods = ["bank"]
            poll = "15s"
            [[push]]
            url = "https://erp.acme.example/hooks"
            events = ["invoice.paid", "payment.duplicate"]
            secret = { env = "PUSH" }
            [[push]]
            url = "http://10.0.0.1/all"
            """,
        )
        config = load_biller(file, Plugins(), environment={**WHISTLE, "PUSH": secret.reveal()})
        biller = config.biller
        assert biller.biller.locale == "en-GB"
        assert biller.biller.support_phone == "+40722123456"
        assert biller.biller.support_email == "help@acme.example"
        assert biller.brand.colour == "#aabbcc"
        assert biller.brand.logo == "data:image/png;base64,iVBORw=="
        steps = [(step.channel, step.wait_s) for step in biller.delivery.channels]
        assert steps == [("sms", 600), ("backup", 600), ("third", 0)]
        assert not biller.delivery.receipt
        assert biller.payments.poll_s == (5, 60, 3600)
        sms = config.channels[0]
        assert (sms.kind, sms.name, sms.adapter) == ("channel", "sms", "pigeon")
        assert sms.settings == PigeonSettings(
            "Bran", Secret(NEVER), (Secret("older"),), 2.0, 4, True, Mode.TEST, "gold"
        )
        [barter] = config.providers
        assert (barter.adapter, barter.methods, barter.poll_s) == ("barter", ("bank",), (15,))
        assert config.push[0].events == ("invoice.paid", "payment.duplicate")
        assert config.push[0].secret == secret
        assert config.push[1].secret is None
        assert NEVER not in repr(config)
        assert secret.reveal() not in repr(config)

        kept = biller.model_dump_json(by_alias=True)
        assert '"wait":"600s"' in kept
        assert Biller.model_validate_json(kept) == biller

    def test_all_faults_of_all_files_are_reported_at_once(self, tmp_path: Path) -> None:
        one = write(
            tmp_path / "one.toml",
            f"""
            [biller]
            slug = "Acme!"
            display_name = "Acme Energie Furnizare si Distributie"
            locale = "romanian language"
            time_zone = "Europe/Bucuresti"
            country = "Romania"
            support_email = "help"
            support_phone = "12"
            website = "acme.example"
            [brand]
            color = "#fff"
            logo = "logo.png"
            [delivery]
            channels = [
                {{ channel = "smss", wait = "soon" }},
                {{ chanel = "sms" }},
                {{ channel = "sms" }},
                {{ channel = "sms" }},
            ]
            [payments]
            refund_duplicates = "sometimes"
            poll = "0s"
            attempt_minutes = 0
            [channels.sms]
            adapter = "pigeon"
            loft = 7
            whistle = "{NEVER}"
            winsg = 2
            speed = "fast"
            tired = 1
            mode = "dream"
            old_whistles = [{{ env = "NOPE" }}]
            [channels.owl]
            [channels.odd]
            adapter = "pigeon"
            loft = "x"
            whistle = {{ env = "WHISTLE" }}
            wings = 3
            [providers.barter]
            methods = ["banc"]
            poll = ["1m", "x"]
            [providers.Bad]
            adapter = ["barter"]
            [[push]]
            url = "gopher://x"
            events = ["invoice.payed"]
            [[push]]
            url = "https://x.example"
            events = ["invoice.payed"]
            [[push]]
            url = "https://x.example"
            secret = {{ env = "WHISTLE" }}
            """,
        )
        two = write(tmp_path / "two.toml", "[biller]\nslug = ")
        three = write(tmp_path / "three.toml", ACME)
        four = write(tmp_path / "four.toml", ACME)
        with pytest.raises(ConfigError) as error:
            load_billers([one, two, three, four], Plugins(), environment=WHISTLE)
        faults = faults_of(error)
        duration = 'a duration is written as a number and s, m, h or d, such as "15s" or "3d"'
        assert faults.pop("two.toml").startswith("is not TOML: ")
        assert faults == {
            "one.toml: biller.slug": "is lower-case letters, digits and -, from a letter on, 31 at most",
            "one.toml: biller.legal_name": "is missing",
            "one.toml: biller.display_name": "String should have at most 20 characters",
            "one.toml: biller.locale": "a locale is a BCP 47 tag, such as ro or en-GB",
            "one.toml: biller.time_zone": 'is not a time zone of the IANA database; did you mean "Europe/Bucharest"?',
            "one.toml: biller.country": 'is not a country code such as "RO"',
            "one.toml: biller.support_email": "an email address has an @",
            "one.toml: biller.support_phone": "no such number in the plan of +40",
            "one.toml: biller.website": "is not a URL that begins with https:// or http://",
            "one.toml: brand.color": 'unknown key; did you mean "colour"?',
            "one.toml: brand.logo": "the file logo.png cannot be read: no such file or directory",
            "one.toml: delivery.channels[0].channel": 'there is no [channels.smss]; did you mean "sms"?',
            "one.toml: delivery.channels[0].wait": duration,
            "one.toml: delivery.channels[1].channel": "is missing",
            "one.toml: delivery.channels[1].chanel": 'unknown key; did you mean "channel"?',
            "one.toml: delivery.channels[3].channel": "'sms' is in the plan already",
            "one.toml: payments.refund_duplicates": "should be 'manual' or 'auto'",
            "one.toml: payments.poll[0]": "a duration is one second at least",
            "one.toml: payments.attempt_minutes": "should be greater than or equal to 1",
            "one.toml: channels.sms.loft": "must be a text in quotes",
            "one.toml: channels.sms.whistle": 'a secret is written as { env = "NAME" } or { file = "path" }',
            "one.toml: channels.sms.winsg": 'unknown setting; did you mean "wings"?',
            "one.toml: channels.sms.speed": "must be a number",
            "one.toml: channels.sms.tired": "must be true or false",
            "one.toml: channels.sms.mode": "must be one of live, test",
            "one.toml: channels.sms.old_whistles": "the environment variable NOPE is not set",
            "one.toml: channels.owl.adapter": "no channel adapter 'owl'",
            "one.toml: channels.odd": "wings come in pairs",
            "one.toml: providers.barter.methods": "barter has no method 'banc'; did you mean \"bank\"?",
            "one.toml: providers.barter.poll[1]": duration,
            "one.toml: providers.barter.loft": "is missing (where it starts)",
            "one.toml: providers.barter.whistle": "is missing",
            "one.toml: providers.Bad": "an account's name is lower-case letters, digits, - and _, from a letter on",
            "one.toml: providers.Bad.adapter": "is the name of an adapter, in quotes",
            "one.toml: push[0].url": "is not a URL that begins with https:// or http://",
            "one.toml: push[0].events[0]": 'is not an event; did you mean "invoice.paid"?',
            "one.toml: push[1].events[0]": 'is not an event; did you mean "invoice.paid"?',
            "one.toml: push[2].secret": "a signing secret is written as whsec_ and the base64 of 24 to 64 bytes",
            "four.toml: biller.slug": "'acme' is another file's biller already",
        }

    @pytest.mark.parametrize(
        ("written", "fault"),
        [
            ("channels = 7", "channels"),
            ("channels.sms = 7", "channels.sms"),
            ("providers = []", "providers"),
            ("delivery = 1", "delivery"),
            ("delivery.channels = 1", "delivery.channels"),
            ("delivery.channels = [1]", "delivery.channels[0]"),
            ("push = {}", "push"),
            ("chanels.sms = {}", "chanels"),
        ],
    )
    def test_a_table_of_another_kind_is_a_fault(self, tmp_path: Path, written: str, fault: str) -> None:
        with pytest.raises(ConfigError) as error:
            load_biller(write(tmp_path / "acme.toml", written + "\n" + dedent(ACME)), Plugins())
        assert list(faults_of(error)) == [f"acme.toml: {fault}"]

    @pytest.mark.parametrize(
        ("tables", "said"),
        [
            ("", "is needed: link_free messages (pigeon) name it"),
            (
                '[delivery]\npay_site = "https://acme.ro"',
                'is written as people type it: "acme.ro" or "acme.ro/plata", without https://',
            ),
            (
                '[delivery]\npay_site = "acme.ro/a-page-with-a-long-name"',
                "is longer than 24 characters, and would not fit an SMS",
            ),
            ('[delivery]\npay_site = "acme.ro/plata"', None),
        ],
    )
    def test_messages_without_links_name_a_site(self, tmp_path: Path, tables: str, said: str | None) -> None:
        pigeon = '[channels.pigeon]\nloft = "x"\nwhistle = { env = "WHISTLE" }\nlink_free = true\n'
        path = write(tmp_path / "acme.toml", IDENTITY + pigeon + tables)
        if said is None:
            biller = load_biller(path, Plugins(), environment=WHISTLE)
            assert [account.link_free for account in biller.channels] == [True]
            assert biller.biller.pay_site == "acme.ro/plata"
            return
        with pytest.raises(ConfigError) as error:
            load_biller(path, Plugins(), environment=WHISTLE)
        assert faults_of(error) == {"acme.toml: delivery.pay_site": said}

    def test_the_site_is_the_billers_own_by_default(self, tmp_path: Path) -> None:
        path = write(tmp_path / "acme.toml", IDENTITY + 'website = "https://www.acme.ro/home"\n')
        assert load_biller(path, Plugins()).biller.pay_site == "acme.ro"

    def test_a_logo_too_large_for_a_page_or_of_no_known_kind(self, tmp_path: Path) -> None:
        (tmp_path / "huge.svg").write_bytes(b" " * 24_577)
        for logo, said in {
            "huge.svg": "the file huge.svg is larger than 24 KiB",
            "logo.exe": "is a file that ends in .svg, .png, .jpg, .webp, or a URL that begins with https://",
        }.items():
            with pytest.raises(ConfigError) as error:
                load_biller(write(tmp_path / "acme.toml", ACME + f'\n[brand]\nlogo = "{logo}"'), Plugins())
            assert faults_of(error) == {"acme.toml: brand.logo": said}

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ('{ file = "absent" }', "the file absent cannot be read: no such file or directory"),
            ('{ file = "empty" }', "the file empty is empty"),
            ('{ file = "binary" }', "the file binary cannot be read"),
            ('{ env = "EMPTY" }', "the environment variable EMPTY is not set"),
            ('{ env = "WHISTLE", file = "x" }', "a secret is written as"),
            ("{ env = 7 }", "a secret is written as"),
            (f'{{ value = "{NEVER}" }}', "a secret is written as"),
        ],
    )
    def test_a_secret_that_is_not_there(self, tmp_path: Path, written: str, said: str) -> None:
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "binary").write_bytes(b"\xff\xfe")
        text = ACME + f'\n[channels.pigeon]\nloft = "x"\nwhistle = {written}\n'
        with pytest.raises(ConfigError) as error:
            load_biller(write(tmp_path / "acme.toml", text), Plugins(), environment={**WHISTLE, "EMPTY": ""})
        [fault] = faults_of(error).items()
        assert fault[0] == "acme.toml: channels.pigeon.whistle"
        assert fault[1].startswith(said)
