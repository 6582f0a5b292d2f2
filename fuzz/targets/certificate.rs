//! An X.509 certificate of an attestation: the same bytes come out as went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate::roster::attestation::Certificate;

fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        let _ = (certificate.subject(), certificate.issuer(), certificate.claimed_slot());
        let _ = certificate.is_issued_by(&certificate);
    }
});
