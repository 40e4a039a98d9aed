//! The ways in which a careless verifier could turn a public key into an HMAC
//! secret (rows A27 and A28 of the attack corpus).

use super::key::TestKey;

impl TestKey {
    /// An RSA public key as eight byte strings, each with the name of its form.
    pub fn rsa_secret_spellings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let pkcs1 = self.pkcs1_pem();
        let spki = self.spki_pem();
        let (modulus, _) = self.rsa_parts();
        vec![
            ("PKCS#1 PEM", pkcs1.clone().into_bytes()),
            ("SPKI PEM", spki.clone().into_bytes()),
            (
                "PKCS#1 PEM without final newline",
                pkcs1.trim_end().as_bytes().to_vec(),
            ),
            (
                "SPKI PEM without final newline",
                spki.trim_end().as_bytes().to_vec(),
            ),
            (
                "SPKI PEM with leading blanks and CRLF",
                format!("  {}", spki.replace('\n', "\r\n")).into_bytes(),
            ),
            ("SPKI DER", self.spki_der()),
            ("modulus", modulus),
            ("JWK text", self.jwk().to_string().into_bytes()),
        ]
    }

    /// An EC public key as four byte strings: SPKI PEM, point, x, x and y.
    pub fn ec_secret_spellings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (x, y) = self.ec_parts();
        let both = [x.as_slice(), y.as_slice()].concat();
        vec![
            ("SPKI PEM", self.spki_pem().into_bytes()),
            ("point", self.public_bytes()),
            ("x", x),
            ("x and y", both),
        ]
    }

    /// An Ed25519 public key as SPKI PEM, SPKI DER, the bare bytes, JWK text.
    pub fn ed_secret_spellings(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("SPKI PEM", self.spki_pem().into_bytes()),
            ("SPKI DER", self.spki_der()),
            ("bare bytes", self.public_bytes()),
            ("JWK text", self.jwk().to_string().into_bytes()),
        ]
    }
}
