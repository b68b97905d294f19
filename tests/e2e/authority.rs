//! Certificate authorities of a test alone, and certificates from them.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Leaf {
    pub der: CertificateDer<'static>,
    pub key: KeyPair,
    pem: String,
}

#[derive(Clone, Copy)]
pub enum Valid {
    Now,
    LongAgo,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }

    /// For servers and clients of these DNS names and URIs.
    pub fn leaf(&self, names: &[&str], valid: Valid) -> Leaf {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let names = names.iter().map(|name| match name.contains("://") {
            true => SanType::URI((*name).try_into().unwrap()),
            false => SanType::DnsName((*name).try_into().unwrap()),
        });
        params.subject_alt_names = names.collect();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = match valid {
            Valid::Now => date_time_ymd(2199, 12, 31),
            Valid::LongAgo => date_time_ymd(2010, 1, 1),
        };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }
}

impl Leaf {
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// As `key.pem` and `cert.pem`.
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("key.pem"), self.key.serialize_pem()).unwrap();
        std::fs::write(folder.join("cert.pem"), &self.pem).unwrap();
    }
}
