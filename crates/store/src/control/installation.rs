//! The name of this control plane among others: whoever shares a bucket with it can tell whose it is.

use super::ControlPlane;
use crate::error::StoreError;
use crate::statement::Statement;

impl ControlPlane {
    /// The id of the installation, that is, of all processes on this control plane. It is `otherwise` where none was
    /// given yet, and the same for ever after.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn installation_id(&self, otherwise: &str) -> Result<String, StoreError> {
        let doing = "reading the installation's id";
        let failed = |error| StoreError::from_diesel(doing, error);
        let read = || {
            self.connections.read(|connection| {
                let rows = Statement::new("SELECT id FROM installation").rows(connection).map_err(failed)?;
                Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
            })
        };
        if let Some(id) = read()? {
            return Ok(id);
        }
        self.connections.write(|connection| {
            let mut insert = Statement::new("INSERT INTO installation (one, id) VALUES (1, ");
            // Another process may be faster; whose it is then is read below.
            insert.text(otherwise).sql(") ON CONFLICT DO NOTHING");
            insert.run(connection).map(drop).map_err(failed)
        })?;
        read()?.ok_or_else(|| StoreError::failed(doing, "it is gone again"))
    }
}
