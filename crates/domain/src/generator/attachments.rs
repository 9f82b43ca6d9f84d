//! The files of an issue: their metadata as `fields.attachment` lists it. There is no content behind it.

use serde_json::Value;

use super::activity::collection_id;
use super::calendar::{date, timestamp};
use super::draw::Draw;
use super::layout::Kind;
use super::reference::object;
use super::render::Renderer;

/// A file that somebody put there.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) at: i64,
    pub(super) author: usize,
    pub(super) name: String,
    mime_type: &'static str,
    size: u64,
}

/// A kind of file: how it is named, its extension and type, and the bytes it takes at least and at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileKind(&'static str, &'static str, &'static str, u64, u64);

const SCREENSHOT: FileKind = FileKind("screenshot", "png", "image/png", 20_000, 900_000);
const LOG: FileKind = FileKind("service", "log", "text/plain", 800, 2_000_000);
const RECORDING: FileKind = FileKind("recording", "mp4", "video/mp4", 900_000, 24_000_000);
const DRAFT: FileKind = FileKind("draft", "pdf", "application/pdf", 60_000, 4_000_000);
const FIGURES: FileKind = FileKind(
    "figures",
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    9_000,
    700_000,
);

/// Which files an issue of a kind gets: bugs are shown, epics are explained, most others have none.
pub(super) fn kinds(issue: Kind, draw: &mut Draw) -> Vec<FileKind> {
    let (permille, choices): (u64, &[FileKind]) = match issue {
        Kind::Bug => (420, &[SCREENSHOT, SCREENSHOT, SCREENSHOT, LOG, LOG, RECORDING]),
        Kind::Epic => (550, &[DRAFT, FIGURES]),
        Kind::Story => (180, &[DRAFT, SCREENSHOT]),
        Kind::Task | Kind::Subtask => (70, &[FIGURES, SCREENSHOT, LOG]),
    };
    if !draw.chance(permille) {
        return Vec::new();
    }
    let count = draw.weighted(&[70, 22, 8]) + 1;
    (0..count).map(|_| choices[draw.index(choices.len())]).collect()
}

/// A file of a kind, put there at `at`. Names carry the day, as cameras and people name files.
pub(super) fn drawn(kind: FileKind, at: i64, author: usize, draw: &mut Draw) -> Attachment {
    let FileKind(stem, extension, mime_type, least, most) = kind;
    Attachment {
        at,
        author,
        name: format!("{stem}-{}-{:04x}.{extension}", date(at), draw.below(1 << 16)),
        mime_type,
        size: draw.between(least, most),
    }
}

/// The field `attachment`.
pub(super) fn json(issue: &Renderer<'_>, attachments: &[Attachment]) -> Value {
    let files = attachments.iter().enumerate().map(|(number, file)| {
        let id = collection_id(issue.card.index, number);
        let mut json = object([
            ("self", Value::from(format!("{}/attachment/{id}", issue.api))),
            ("id", Value::from(id.to_string())),
            ("filename", Value::from(file.name.as_str())),
            ("author", issue.user(file.author)),
            ("created", Value::from(timestamp(file.at))),
            ("size", Value::from(file.size)),
            ("mimeType", Value::from(file.mime_type)),
            ("content", Value::from(format!("{}/attachment/content/{id}", issue.api))),
        ]);
        if file.mime_type.starts_with("image/") {
            json["thumbnail"] = Value::from(format!("{}/attachment/thumbnail/{id}", issue.api));
        }
        json
    });
    files.collect()
}
