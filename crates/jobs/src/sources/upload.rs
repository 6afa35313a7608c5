//! Uploads: named by what the upload's answer said, and nothing else of this machine.

use std::path::{Component, Path, PathBuf};

use reinstate_store::TenantId;

use crate::objects::Objects;

/// The key of the upload that `source_ref` names: the key itself, or, where uploads lie in a folder, the path of its file
/// in the tenant's own. `None` for anything else.
///
/// Only the text is looked at, never the disk, so that the answer tells nothing about what exists.
pub(crate) fn upload_key(objects: &Objects, tenant: &TenantId, source_ref: &str) -> Option<String> {
    let file_name = match source_ref.strip_prefix('/') {
        Some(_) => resolved(Path::new(source_ref))?
            .strip_prefix(objects.upload_dir(tenant)?)
            .ok()?
            .to_str()?
            .to_owned(),
        None => source_ref.strip_prefix(&format!("uploads/{tenant}/"))?.to_owned(),
    };
    let upload_id = file_name.strip_suffix(".zip")?;
    is_upload_id(upload_id).then(|| Objects::upload_key(tenant, upload_id))
}

/// The path without `.` and `..`, as its text alone tells it.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    Some(resolved)
}

/// Whether a text has the form of an upload's id, which holds no separator and no dot.
fn is_upload_id(text: &str) -> bool {
    let Some(id) = text.strip_prefix("upload_") else { return false };
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
