//! Why a token is refused, for the audit log. Whoever sent it is told none of this.

use thiserror::Error;

use crate::json::JsonError;

/// Why a compact JWS is refused. The text never contains a part of the token.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::bearer::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// Not exactly three parts (RFC 7515 §3.1).
    #[error("the token does not have exactly three parts")]
    NotThreeParts,
    /// The header is no canonical base64url.
    #[error("the header is not canonical base64url")]
    HeaderEncoding,
    /// The payload is no canonical base64url.
    #[error("the payload is not canonical base64url")]
    PayloadEncoding,
    /// The signature is no canonical base64url.
    #[error("the signature is not canonical base64url")]
    SignatureEncoding,
    /// The header is no strict JSON object.
    #[error("the header cannot be read: {0}")]
    HeaderJson(JsonError),
    /// `alg` is absent or no string (RFC 7515 §4.1.1).
    #[error("the header names no algorithm")]
    AlgorithmMissing,
    /// `alg` is `none` or another name that is not implemented.
    #[error("the header names an unsupported algorithm")]
    AlgorithmUnknown,
    /// `alg` is not among the accepted algorithms (RFC 8725 §3.1).
    #[error("the algorithm of the token is not accepted here")]
    AlgorithmNotAllowed,
    /// `kid` is no string or longer than 512 bytes (RFC 7515 §4.1.4).
    #[error("the key id is not a text of at most 512 bytes")]
    KeyIdInvalid,
    /// `typ` is no string (RFC 7515 §4.1.9).
    #[error("the type of the token is not a text")]
    TypeInvalid,
    /// `crit` is present; no extension is understood (RFC 7515 §4.1.11).
    #[error("the header demands extensions that are not supported")]
    CriticalExtension,
    /// `b64` is present (RFC 7797).
    #[error("the header asks for an unencoded payload")]
    UnencodedPayload,
    /// `zip` is present.
    #[error("the header asks for decompression")]
    Compressed,
    /// `kid` names no key of the set; it may have been added since.
    #[error("no key has the key id of the token")]
    UnknownKeyId,
    /// `kid` names several different keys, so none of them is used.
    #[error("several different keys have the key id of the token")]
    AmbiguousKeyId,
    /// The key that `kid` names does not verify the algorithm.
    #[error("the key named by the token is not for its algorithm")]
    KeyMismatch,
    /// There is no `kid`, and no key fits the algorithm.
    #[error("the token names no key, and no key is for its algorithm")]
    NoCandidateKey,
    /// There is no `kid`, and more than one key fits the algorithm.
    #[error("the token names no key, and several keys are for its algorithm")]
    SeveralCandidateKeys,
    /// The signature is wrong.
    #[error("the signature of the token is wrong")]
    BadSignature,
}

impl JwsError {
    /// Whether a newer key set of the same issuer could change the answer.
    pub const fn may_be_a_new_key(self) -> bool {
        matches!(self, Self::UnknownKeyId | Self::NoCandidateKey)
    }
}

/// Why a key cannot be used. The text never contains a part of the key.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The entry is no object, or a member has the wrong type or encoding.
    #[error("the key is malformed")]
    Malformed,
    /// `kty` is not RSA, EC, OKP or oct (RFC 7518 §6.1).
    #[error("the key type is not supported")]
    KeyType,
    /// `crv` is not supported, or belongs to another key type.
    #[error("the curve is not supported (P-256, P-384, P-521 and Ed25519 are)")]
    Curve,
    /// The key has private members. Whoever published it must replace it.
    #[error("the key exposes its private part; treat it as stolen and replace it")]
    PrivateMembers,
    /// A symmetric key in a set that came from elsewhere.
    #[error("symmetric keys are not accepted from a remote key set")]
    SymmetricFromRemote,
    /// The modulus has fewer than 2048 bits (RFC 7518 §3.3).
    #[error("the RSA key has fewer than 2048 bits")]
    RsaTooSmall,
    /// The modulus has more than 8192 bits.
    #[error("the RSA key has more than 8192 bits")]
    RsaTooLarge,
    /// The modulus is empty, zero, even, or spelled with leading zeros.
    #[error("the RSA modulus is malformed")]
    RsaModulus,
    /// The exponent is even, below 3, above 32 bits, or spelled with leading zeros.
    #[error("the RSA public exponent is not an odd number from 3 to 4294967295")]
    RsaExponent,
    /// The modulus was made by a generator whose keys can be factored (CVE-2017-15361).
    #[error("the RSA key has the ROCA fingerprint and can be factored")]
    RsaRoca,
    /// The point is not on the curve, or a coordinate has the wrong length.
    #[error("the point is not on the curve")]
    EcPoint,
    /// The Ed25519 key has the wrong length, is no field element, or has a small order.
    #[error("the Ed25519 key is malformed or of small order")]
    Ed25519Point,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("the key is not meant for signatures")]
    Use,
    /// `key_ops` lacks `verify` (RFC 7517 §4.3).
    #[error("the key is not meant for verifying")]
    KeyOps,
    /// `alg` names an algorithm that is not supported or is not for this key (RFC 7517 §4.4).
    #[error("the algorithm declared by the key is not supported or not for this kind of key")]
    Algorithm,
    /// `kid` is no text of at most 512 bytes (RFC 7517 §4.5).
    #[error("the key id is not a text of at most 512 bytes")]
    KeyId,
    /// Another key with different contents has the same `kid`.
    #[error("another key has the same key id; neither is used")]
    DuplicateKeyId,
    /// The secret is shorter than the hash (RFC 7518 §3.2).
    #[error(
        "the HMAC secret is too short: at least 32 bytes for HS256, 48 for HS384, 64 for HS512"
    )]
    HmacTooShort,
    /// The secret is the text of a PEM file: a public key used as a secret.
    #[error("the HMAC secret is a PEM text; configure it as a public key instead")]
    HmacIsPem,
    /// An HMAC secret was given for an algorithm that needs a key pair.
    #[error("a secret verifies HS256, HS384 and HS512 only; this algorithm needs a public key")]
    HmacAlgorithm,
    /// A private key where a public key belongs.
    #[error("this is a private key; a verifier needs the public key only")]
    PrivateKey,
    /// Not one well-formed PEM block (RFC 7468).
    #[error("not exactly one PEM block")]
    Pem,
    /// A PEM label other than PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE.
    #[error("the PEM block is not PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE")]
    PemLabel,
    /// The DER inside the PEM block cannot be read.
    #[error("the key inside the PEM block cannot be read")]
    Der,
}

/// Why a whole key set is refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkSetError {
    /// No strict JSON object.
    #[error("the key set cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `keys` is absent or no array (RFC 7517 §5.1).
    #[error("the key set has no array of keys")]
    KeysMissing,
    /// More than [`MAX_KEYS`](super::MAX_KEYS) keys.
    #[error("the key set has more than 100 keys")]
    TooManyKeys,
}
