"""Money on the wire: currencies, their minor units, and exact conversion between both spellings."""

from decimal import Decimal

# ISO 4217, list one: every active currency whose minor unit is not 2.
CURRENCY_EXPONENTS: dict[str, int] = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

CURRENCIES: frozenset[str] = frozenset(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP "
        "BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN "
        "ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK "
        "JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD "
        "MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP "
        "PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV "
        "WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
    ).split()
)


def currency_exponent(currency: str) -> int:
    """Return the number of decimals of `currency` (ISO 4217 minor unit).

    Parameters
    ----------
    currency
        ISO 4217 code in capitals.

    Raises
    ------
    ValueError
        The code is not an active ISO 4217 currency.
    """
    if currency not in CURRENCIES:
        raise ValueError(f"{currency} is not an active ISO 4217 currency")
    return CURRENCY_EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Turn a decimal amount into whole minor units, exactly.

    Parameters
    ----------
    amount
        In currency units, for instance ``Decimal("1234.50")``.
    currency
        ISO 4217 code.

    Raises
    ------
    ValueError
        The amount has more decimals than the currency, or the currency is unknown.
    """
    scaled = amount.scaleb(currency_exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {currency_exponent(currency)} decimals")
    return int(scaled)


def from_minor(minor: int, currency: str) -> Decimal:
    """Turn minor units into a decimal amount with the currency's number of decimals.

    Raises
    ------
    ValueError
        The currency is unknown.
    """
    return Decimal(minor).scaleb(-currency_exponent(currency))
