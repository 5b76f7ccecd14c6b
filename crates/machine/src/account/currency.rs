//! The currencies of ISO 4217, so that a mistyped one is found where it is typed. A partner may use any three letters.

/// The alphabetic codes in use, funds and precious metals left out.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS \
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR \
    MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP \
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF \
    XPF YER ZAR ZMW ZWG";

/// Whether this is the code of a currency in use.
#[must_use]
pub fn is_currency(code: &str) -> bool {
    code.len() == 3 && CODES.split_ascii_whitespace().any(|known| known == code)
}

#[cfg(test)]
mod tests {
    //! A currency that nobody has is a bill that nobody can pay.
    use super::*;

    #[test]
    fn a_mistyped_currency_is_told_from_a_real_one() {
        for good in ["EUR", "RUB", "USD", "KZT", "CHF", "AED", "ZWG"] {
            assert!(is_currency(good), "{good}");
        }
        for bad in ["ERU", "EUR ", "eur", "E", "", "AED AFN", "XXX"] {
            assert!(!is_currency(bad), "{bad}");
        }
    }
}
