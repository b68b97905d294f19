//! The code generated from `proto/`, and its descriptors.

/// Package `mailwright.v1`: messages, servers and clients.
#[allow(
    missing_docs,
    rustdoc::all,
    unused_qualifications,
    clippy::all,
    clippy::unwrap_used
)]
pub mod v1 {
    tonic::include_proto!("mailwright.v1");
}

/// The descriptors of `mailwright.v1` and all it imports, comments included; for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/mailwright.binpb"));
