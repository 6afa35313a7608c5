//! The entries of a finished archive as the API lists them.

use reinstate_archive::Artifact;
use reinstate_engine::IdSource;
use reinstate_store::control::NewArtifact;

use crate::ids::prefixed;

/// What kind of file an entry is.
struct Kind {
    format: &'static str,
    content_type: &'static str,
    is_primary: bool,
}

/// The rows of the entries.
pub(super) fn rows(artifacts: Vec<Artifact>, ids: &dyn IdSource) -> Vec<NewArtifact> {
    artifacts.into_iter().map(|artifact| row(artifact, ids)).collect()
}

fn row(artifact: Artifact, ids: &dyn IdSource) -> NewArtifact {
    let artifact_type = artifact.kind.unwrap_or_default();
    let kind = kind(&artifact_type);
    NewArtifact {
        id: prefixed("artifact", ids),
        artifact_type,
        artifact_name: artifact.name,
        format: kind.format.to_owned(),
        size_bytes: artifact.size.unwrap_or_default(),
        checksum: artifact.checksum.unwrap_or_default(),
        content_type: kind.content_type.to_owned(),
        is_primary: kind.is_primary,
    }
}

/// The manifest tells of the others; what somebody extracts for are those.
fn kind(artifact_type: &str) -> Kind {
    match artifact_type {
        "describe" => Kind { format: "yaml", content_type: "application/yaml", is_primary: true },
        "manifest" => Kind { format: "json", content_type: "application/json", is_primary: false },
        _ => Kind { format: "jsonl", content_type: "application/x-ndjson", is_primary: true },
    }
}
