//! How much of the variation of accuracy each swept parameter explains.

use pondersweep_proto::setting::Setting;

use super::{ALPHA, Analysis, AnalysisError, Field, columns, grid::ScoredGrid};
use crate::{
    report::{estimate::is_share, input::ReportInput, number::significant},
    statistics::{Anova, Counting, Effect, fold_of_spreads, logits},
};

/// Where the widest cell spreads this many times as much as the narrowest, a share is also taken on
/// the logit scale.
const SPREADS_DIFFER: f64 = 3.0;

/// The decomposition of a grid.
pub(super) struct Decomposition {
    pub(super) anova: Anova,
    /// The same of the logits; only of shares whose spreads differ.
    pub(super) logit: Option<Anova>,
    /// How many times the narrowest cell the widest one spreads.
    fold: Option<f64>,
    /// The replicates that every cell has.
    complete: usize,
    /// Effects by their factors.
    names: Vec<String>,
}

/// The analysis of variance over the replicates that every cell of the grid has.
///
/// # Errors
/// Fewer than two replicates are complete, or nothing is varied.
pub fn anova(input: &ReportInput, counting: &Counting) -> Result<Analysis, AnalysisError> {
    let grid = ScoredGrid::new(input, counting)?;
    let of = Decomposition::new(input, &grid)?;
    let rows = (0..of.anova.effects.len()).map(|index| of.effect_row(index));
    let mut analysis = Analysis::new(input, "Analysis of variance", of.header(), counting)
        .with_rows(rows)
        .with_rows([of.residual_row(), of.total_row()])
        .with_note_on_common_seeds(input)
        .with_note(format!(
            "Balanced full factorial of {} cells with the {} of {} replicates that all of them have; on it every \
             type of sum of squares agrees.",
            grid.cells.len(),
            of.complete,
            input.fixed_replicates(),
        ))
        .with_note(
            "df: degrees of freedom; p: of F against the variation over seeds, which takes normal scores \
             of equal spread for granted; eta2: share of the variation; omega2: the same without what chance \
             explains, negative where the effect explains less than chance does.",
        );
    if let Some(words) = of.on_spreads(input) {
        analysis = analysis.with_note(words);
    }
    Ok(analysis)
}

impl Decomposition {
    pub(super) fn new(input: &ReportInput, grid: &ScoredGrid<'_>) -> Result<Self, AnalysisError> {
        let cells = grid.complete_replicates();
        let complete = cells[0].len();
        if complete < 2 {
            return Err(AnalysisError::Incomplete {
                complete,
                replicates: input.fixed_replicates() as usize,
                cells: cells.len(),
            });
        }
        let levels: Vec<usize> = grid.axes.iter().map(|axis| axis.values.len()).collect();
        let anova = Anova::of(&levels, &cells)?;
        let fold = fold_of_spreads(&cells);
        let mut scores = cells.iter().flatten();
        let shares = is_share(input.headline()) && scores.all(|score| (0.0..=1.0).contains(score));
        let differ = fold.is_some_and(|fold| fold > SPREADS_DIFFER);
        let logit = (shares && differ).then(|| Anova::of(&levels, &logits(&cells, floor(input))));
        let name = |effect: &Effect| {
            let factors = effect.factors.iter();
            let names = factors.map(|&factor| grid.axes[factor].parameter.to_string());
            names.collect::<Vec<_>>().join(" x ")
        };
        Ok(Self {
            names: anova.effects.iter().map(name).collect(),
            logit: logit.transpose()?,
            anova,
            fold,
            complete,
        })
    }

    /// The effects, those that explain most first, by their name.
    pub(super) fn ranked(anova: &Anova) -> Vec<usize> {
        let share = |index: &usize| anova.effects[*index].eta_squared.unwrap_or(0.0);
        let mut ranked: Vec<usize> = (0..anova.effects.len()).collect();
        ranked.sort_by(|a, b| share(b).total_cmp(&share(a)));
        ranked
    }

    pub(super) fn name(&self, effect: usize) -> &str {
        &self.names[effect]
    }

    /// How far the spreads of the cells differ, and whether that changes what is found.
    fn on_spreads(&self, input: &ReportInput) -> Option<String> {
        let fold = self.fold.filter(|&fold| fold > SPREADS_DIFFER)?;
        let differ = if fold.is_finite() {
            format!(
                "The widest cell spreads {} times as far as the narrowest",
                significant(fold, 2)
            )
        } else {
            "Some cells do not vary over their seeds and others do".to_owned()
        };
        let Some(logit) = &self.logit else {
            return Some(format!("{differ}: take p with care."));
        };
        let agreement = self
            .disagreement(logit)
            .unwrap_or_else(|| "Both scales agree.".to_owned());
        Some(format!(
            "{differ}, so _logit has the same on the logit scale (shares within {} of 0 or 1 count as that far \
             from it). {agreement}",
            significant(floor(input), 2)
        ))
    }

    /// Where the scale decides: another effect is the largest, or one is significant on one scale
    /// only.
    pub(super) fn disagreement(&self, logit: &Anova) -> Option<String> {
        let is_shown =
            |anova: &Anova, index: usize| anova.effects[index].p.is_some_and(|p| p <= ALPHA);
        let [raw, other] = [&self.anova, logit].map(|anova| Self::ranked(anova)[0]);
        if raw != other && (is_shown(&self.anova, raw) || is_shown(logit, other)) {
            return Some(format!(
                "The scales disagree: most is explained by {} on the scale of shares, by {} on the logit scale.",
                self.name(raw),
                self.name(other)
            ));
        }
        let on_one = (0..self.names.len())
            .filter(|&index| is_shown(&self.anova, index) != is_shown(logit, index));
        let names: Vec<&str> = on_one.map(|index| self.name(index)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "The scales disagree on whether there is an effect of {} at {ALPHA}.",
                names.join(", ")
            )
        })
    }

    fn header(&self) -> Vec<String> {
        let mut header = columns(&[
            "effect",
            "df",
            "sum_of_squares",
            "f",
            "p",
            "eta2",
            "partial_eta2",
            "omega2",
            "partial_omega2",
        ]);
        if self.logit.is_some() {
            header.extend(columns(&["eta2_logit", "p_logit"]));
        }
        header
    }

    fn effect_row(&self, index: usize) -> Vec<Field> {
        let effect = &self.anova.effects[index];
        let mut row = vec![
            Field::text(self.name(index)),
            Field::Count(effect.degrees_of_freedom),
            Field::number(effect.sum_of_squares),
            Field::Number(effect.f),
            Field::Number(effect.p),
            Field::Number(effect.eta_squared),
            Field::Number(effect.partial_eta_squared),
            Field::Number(effect.omega_squared),
            Field::Number(effect.partial_omega_squared),
        ];
        if let Some(logit) = &self.logit {
            let effect = &logit.effects[index];
            row.extend([Field::Number(effect.eta_squared), Field::Number(effect.p)]);
        }
        row
    }

    fn residual_row(&self) -> Vec<Field> {
        let residual = &self.anova.residual;
        let mut row = vec![
            Field::text("seeds (residual)"),
            Field::Count(residual.degrees_of_freedom),
            Field::number(residual.sum_of_squares),
            Field::Number(None),
            Field::Number(None),
            Field::Number(residual.eta_squared),
        ];
        if let Some(logit) = &self.logit {
            row.resize(9, Field::Number(None));
            row.push(Field::Number(logit.residual.eta_squared));
        }
        row.resize(self.header().len(), Field::Number(None));
        row
    }

    fn total_row(&self) -> Vec<Field> {
        let mut row = vec![
            Field::text("total"),
            Field::Count(self.anova.observations - 1),
            Field::number(self.anova.total_sum_of_squares),
        ];
        row.resize(self.header().len(), Field::Number(None));
        row
    }
}

/// Half a sample of an evaluation: no share is known to be nearer to an end. A user's program does
/// not say how many samples it has.
fn floor(input: &ReportInput) -> f64 {
    let examples = if input.is_trained() {
        input.terms.template.count(Setting::EXAMPLES)
    } else {
        1_000
    };
    0.5 / f64::from(examples)
}
