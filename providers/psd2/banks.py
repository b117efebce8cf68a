"""How each bank differs from the book: one entry a bank, data only. What is only believed of one says `docs/providers/psd2.md`.

`base_url` is where the source of the entry spoke to the bank, its sandbox as a rule; an account's `base_urls` replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SEPA: Mapping[str, str] = {"EUR": "sepa-credit-transfers"}
PAIN: Mapping[str, str] = {"EUR": "pain.001-sepa-credit-transfers"}
ANY = "*"
JSON, JSON_UTF8, XML = "application/json", "application/json; charset=UTF-8", "application/xml; charset=ISO-8859-1"


@dataclass(frozen=True, slots=True)
class Signing:
    """What a bank wants signed. `headers` in their order, of which a request signs those that it has; `(request-target)` is the call.

    `space` is how a space in the CA's name is spelled in the key's id.
    """

    headers: tuple[str, ...] = ("digest", "x-request-id", "psu-id", "tpp-redirect-uri", "date")
    algorithm: str = "rsa-sha256"
    space: str = " "


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where a bank lets payers authorise. Paths under the bank's address; empty: what the bank's own metadata say.

    `registered`: the bank wants to know the address of the return beforehand, so that all payments have the same one.
    """

    authorise: str = ""
    token: str = ""
    scope: str = "PIS:{payment}"
    registered: bool = False


@dataclass(frozen=True, slots=True)
class Bank:
    """One bank. `products` by currency, `*` for all others; `certificate` is the shape of its header: `der`, `pem` or none.

    `client_token` is the path of a token of our own that it wants before anything else; `headers` go with every call to it,
    with `{client_id}` and `{client_secret}` filled in. `debtor`: it takes no payment without the account to debit. `details` and
    `authorisations`: it shows a payment's amount, and how its authorisation went.
    """

    code: str
    name: str
    country: str
    base_url: str
    products: Mapping[str, str]
    version: str = "v1"
    oauth: OAuth | None = None
    client_token: str = ""
    signing: Signing | None = None
    certificate: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    dated: bool = False
    debtor: bool = False
    details: bool = False
    authorisations: bool = True

    def product(self, currency: str) -> str | None:
        """What this bank calls a single payment in `currency`; None: it takes none."""
        return self.products.get(currency) or self.products.get(ANY)

    @property
    def xml(self) -> bool:
        return self.content_type == XML


_ALL = (
    Bank(
        "bt",
        "Banca Transilvania",
        "RO",
        "https://api.apistorebt.ro/bt/sb/bt-psd2",
        {"RON": "ron-payment", ANY: "other-currency-payment"},
        version="v2",
        oauth=OAuth(registered=True),
        details=True,
        authorisations=False,
    ),
    Bank(
        "cec",
        "CEC Bank",
        "RO",
        "",
        {"RON": "domestic-credit-transfers", "EUR": "sepa-credit-transfers"},
        oauth=OAuth(registered=True),
        certificate="pem",
        headers={"X-IBM-Client-Id": "{client_id}", "X-IBM-Client-Secret": "{client_secret}"},
        details=True,
        authorisations=False,
    ),
    Bank(
        "ing",
        "ING",
        "NL",
        "https://api.ing.com",
        SEPA,
        client_token="/oauth2/token",  # noqa: S106 (a path)
        signing=Signing(("(request-target)", "date", "digest", "x-request-id")),
        certificate="der",
        content_type=JSON_UTF8,
        dated=True,
        authorisations=False,
    ),
    Bank(
        "commerzbank",
        "Commerzbank",
        "DE",
        "https://psd2.api-sandbox.commerzbank.com/berlingroup",
        SEPA,
        oauth=OAuth(token="/v1/token"),  # noqa: S106
        content_type=JSON_UTF8,
        debtor=True,
    ),
    Bank(
        "comdirect",
        "comdirect",
        "DE",
        "https://xs2a-sandbox.comdirect.de/berlingroup",
        SEPA,
        oauth=OAuth(token="/v1/token"),  # noqa: S106
        content_type=JSON_UTF8,
        debtor=True,
    ),
    Bank(
        "deutsche_bank",
        "Deutsche Bank",
        "DE",
        "https://simulator-xs2a.db.com/pis/DE/SB-DB",
        SEPA,
        headers={"PSU-ID-Type": "DE_ONLB_DB"},
        dated=True,
        debtor=True,
    ),
    Bank(
        "sparkasse",
        "Sparkasse",
        "DE",
        "https://xs2a-sandbox.f-i-apim.de:8444/fixs2a-env/xs2a-api/12345678",
        SEPA,
        content_type=JSON_UTF8,
        debtor=True,
    ),
    Bank(
        "fiducia",
        "Volksbanken Raiffeisenbanken",
        "DE",
        "https://xs2a-test.fiduciagad.de/xs2a",
        PAIN,
        signing=Signing(
            ("digest", "x-request-id", "psu-id", "tpp-redirect-uri"), algorithm="SHA256withRSA", space="%20"
        ),
        certificate="der",
        content_type=XML,
        debtor=True,
    ),
    Bank(
        "adorsys",
        "adorsys Modelbank",
        "DE",
        "https://dev-modelbank-xs2a-connector.cloud.adorsys.de",
        SEPA,
        content_type=JSON_UTF8,
        debtor=True,
        details=True,
    ),
)
BANKS: Mapping[str, Bank] = {bank.code: bank for bank in _ALL}
