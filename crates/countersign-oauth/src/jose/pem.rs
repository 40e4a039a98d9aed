//! A public key as PEM: RFC 7468 §13 (SubjectPublicKeyInfo) and §5 (certificate),
//! RFC 8017 A.1.1 (`RSA PUBLIC KEY`).
//!
//! Of a certificate only the key is read. Its dates, its issuer and its
//! signature are not judged: whoever configures the file vouches for the key.

use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::curve::Curve;
use super::error::KeyError;
use super::key::VerifyingKey;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [(ObjectIdentifier, Curve); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        Curve::P256,
    ),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Curve::P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Curve::P521),
];

impl VerifyingKey {
    /// Reads one PEM block: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is another block (a private key is named as such), if
    /// there is not exactly one, or if the key itself cannot be used.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let pem = pem.trim_ascii();
        let label = pem_rfc7468::decode_label(pem).map_err(|_| KeyError::Pem)?;
        if label.ends_with("PRIVATE KEY") {
            return Err(KeyError::PrivateKey);
        }
        let (label, der) = pem_rfc7468::decode_vec(pem).map_err(|_| KeyError::Pem)?;
        match label {
            "PUBLIC KEY" => Self::from_spki_der(&der),
            "RSA PUBLIC KEY" => from_pkcs1_der(&der),
            "CERTIFICATE" => {
                let certificate = Certificate::from_der(&der).map_err(|_| KeyError::Der)?;
                let spki = certificate
                    .tbs_certificate()
                    .subject_public_key_info()
                    .to_der();
                Self::from_spki_der(&spki.map_err(|_| KeyError::Der)?)
            }
            _ => Err(KeyError::PemLabel),
        }
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    pub(super) fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::Der)?;
        let key = spki.subject_public_key.as_bytes().ok_or(KeyError::Der)?;
        match spki.algorithm.oid {
            RSA_ENCRYPTION => from_pkcs1_der(key),
            EC_PUBLIC_KEY => {
                let name = spki
                    .algorithm
                    .parameters_oid()
                    .map_err(|_| KeyError::Curve)?;
                let named = CURVES.into_iter().find(|(oid, _)| *oid == name);
                let (_, curve) = named.ok_or(KeyError::Curve)?;
                // RFC 5480 §2.2: 0x04 announces both coordinates, uncompressed.
                let point = key.strip_prefix(&[0x04]).ok_or(KeyError::EcPoint)?;
                let (x, y) = point
                    .split_at_checked(curve.coordinate_bytes())
                    .ok_or(KeyError::EcPoint)?;
                Self::ec(curve, x.to_vec(), y.to_vec())
            }
            // RFC 8410 §3: "the parameters MUST be absent".
            ED25519 if spki.algorithm.parameters.is_none() => Self::ed25519(key.to_vec()),
            ED25519 => Err(KeyError::Der),
            _ => Err(KeyError::KeyType),
        }
    }
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 A.1.1).
fn from_pkcs1_der(der: &[u8]) -> Result<VerifyingKey, KeyError> {
    let numbers = SliceReader::new(der).and_then(|mut reader| {
        let numbers = reader.sequence(|inner| {
            Ok::<_, x509_cert::der::Error>((UintRef::decode(inner)?, UintRef::decode(inner)?))
        })?;
        reader.finish()?;
        Ok(numbers)
    });
    let (n, e) = numbers.map_err(|_| KeyError::Der)?;
    VerifyingKey::rsa(n.as_bytes().to_vec(), e.as_bytes().to_vec())
}
