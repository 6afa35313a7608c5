//! How far an extract is.

/// Percent reached when models and fields are written.
const DESCRIBE_PERCENT: u8 = 25;

/// Percent that a run may show before its archive is kept.
const UNFINISHED_PERCENT_MAX: u8 = 99;

/// Which half of an extract is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtractPhase {
    /// Models and fields are written.
    ExportedDescribe,
    /// Records are being read and written.
    ExportingData,
}

impl ExtractPhase {
    /// The spelling in `progress_detail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExportedDescribe => "exported_describe",
            Self::ExportingData => "exporting_data",
        }
    }
}

/// How far an extract is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractProgress {
    /// Percent, 0 to 99 while the run goes on; never falls within a run.
    pub percent: u8,
    /// Which half.
    pub phase: ExtractPhase,
    /// Models to write.
    pub models_total: u64,
    /// Models whose records are all written.
    pub models_completed: u64,
    /// The model whose records are being written.
    pub current_model: Option<String>,
    /// Records written.
    pub records_exported: u64,
}

/// Speaks for one extract to its listener.
pub(super) struct Reporter<'a> {
    listener: &'a mut dyn FnMut(&ExtractProgress),
    progress: ExtractProgress,
    records_total: u64,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(listener: &'a mut dyn FnMut(&ExtractProgress)) -> Self {
        let progress = ExtractProgress {
            percent: 0,
            phase: ExtractPhase::ExportedDescribe,
            models_total: 0,
            models_completed: 0,
            current_model: None,
            records_exported: 0,
        };
        Self { listener, progress, records_total: 0 }
    }

    pub(super) fn records(&self) -> u64 {
        self.progress.records_exported
    }

    /// Models that are written: all of them where only their definitions were asked for.
    pub(super) fn models(&self) -> u64 {
        match self.progress.phase {
            ExtractPhase::ExportedDescribe => self.progress.models_total,
            ExtractPhase::ExportingData => self.progress.models_completed,
        }
    }

    pub(super) fn described(&mut self, models: usize) {
        self.progress.models_total = models as u64;
        self.progress.percent = DESCRIBE_PERCENT;
        self.tell();
    }

    pub(super) fn data_begins(&mut self, records_total: u64) {
        self.progress.phase = ExtractPhase::ExportingData;
        self.records_total = records_total;
        self.tell();
    }

    pub(super) fn model_begins(&mut self, model: &str) {
        self.progress.current_model = Some(model.to_owned());
        self.tell();
    }

    pub(super) fn records_written(&mut self, records: u64) {
        self.progress.records_exported = self.progress.records_exported.saturating_add(records);
        self.tell();
    }

    pub(super) fn model_ends(&mut self) {
        self.progress.models_completed += 1;
        self.tell();
    }

    /// Records and models count alike: a tenant of ten thousand small models moves as well as one of a large one.
    fn tell(&mut self) {
        let progress = &mut self.progress;
        if progress.phase == ExtractPhase::ExportingData {
            let done = u128::from(progress.records_exported) + u128::from(progress.models_completed);
            let all = u128::from(self.records_total) + u128::from(progress.models_total);
            let span = u128::from(UNFINISHED_PERCENT_MAX - DESCRIBE_PERCENT);
            let share = (done * span).checked_div(all).unwrap_or(span).min(span);
            let percent = DESCRIBE_PERCENT.saturating_add(u8::try_from(share).unwrap_or(0));
            progress.percent = progress.percent.max(percent);
        }
        (self.listener)(progress);
    }
}
