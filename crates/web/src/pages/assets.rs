//! The style sheet, the script and the icon. Their addresses change with their content, so browsers keep them for good.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A file of the console.
pub(super) struct Asset {
    /// Its name in `/assets/`, with a hash of the content.
    file: String,
    /// Its address.
    pub(super) path: String,
    content_type: &'static str,
    pub(super) content: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let file = format!("{name}.{:016x}.{extension}", fingerprint(content.as_bytes()));
        Self { path: format!("/assets/{file}"), file, content_type, content }
    }
}

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "css", "text/css; charset=utf-8", include_str!("../../assets/console.css"))
});
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("../../assets/console.js"))
});
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("forebay", "svg", "image/svg+xml", include_str!("../../assets/forebay.svg")));

/// FNV-1a: tells versions of our own files apart, and guards nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// `GET /assets/{file}`
pub(super) async fn serve(Path(file): Path<String>) -> Response {
    let assets: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    let Some(asset) = assets.into_iter().find(|asset| asset.file == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        // Vectors of the draft that defines it (draft-eastlake-fnv, appendix C).
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[tokio::test]
    async fn a_file_of_this_version_is_kept_for_good_and_no_other_is_served() {
        let served = serve(Path(STYLE.file.clone())).await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(serve(Path("console.css".into())).await.status(), StatusCode::NOT_FOUND);
    }
}
