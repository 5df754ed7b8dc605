//! What to run: the search space, its expansion to trials, the plan, and the sweep file. Pure: it
//! reads no file, clock or network; texts come in, specifications and errors go out.

mod check;
mod expansion;
mod file;
#[cfg(test)]
mod golden;
mod grid;
mod layout;
mod plan;
mod program_keys;
mod select;
mod shapes;
mod spec;
mod terms;
#[cfg(test)]
pub(crate) mod test_support;

pub(crate) use expansion::{Expansion, Piece};
pub use file::{ProgramFiles, SweepFile, SweepFileError};
pub use layout::{reference, schema};
pub use plan::{Operations, Plan, ShapePlan, Speed};
pub use select::select;
pub(crate) use shapes::Shapes;
pub use spec::SweepSpec;
pub use terms::{Axis, Condition, Exclusion, Goal, SweepTerms};

#[cfg(test)]
mod tests {
    use pondersweep_proto::{
        setting::Setting,
        spec::{Settings, SpecError},
    };

    use super::*;

    /// Stands in for the published stories, which are not everywhere.
    fn with_stories(settings: &mut Settings) -> Result<(), SpecError> {
        let source = settings.get(Setting::SOURCE).map(ToString::to_string);
        if source.as_deref() == Some("published") {
            settings.set(Setting::STORIES, "00")?;
            settings.set(Setting::VOCABULARY, 145_u32)?;
            settings.set(Setting::ANSWERS, 60_u32)?;
            settings.set(Setting::SENTENCE_WORDS, 11_u32)?;
        }
        Ok(())
    }

    #[test]
    fn every_sweep_file_that_is_shipped_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sweeps");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read(&path).unwrap();
            let name = path.display().to_string();
            let mut none = |_: &str| Err("this is no folder".to_owned());
            let read = SweepFile::parse_with(text, &name, &mut none, &with_stories);
            if let Err(error) = read {
                panic!("{error}");
            }
            count += 1;
        }
        assert!(count >= 2);
    }

    #[test]
    fn the_first_sweep_is_the_one_its_comments_describe() {
        let spec = SweepFile::parse(include_bytes!("../../sweeps/first.toml"), "first").unwrap();
        assert_eq!((spec.configurations(), spec.trials()), (36, 72));
        let lambdas: Vec<_> = spec.terms().axes[0]
            .values
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lambdas,
            [
                "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"
            ]
        );
    }

    #[test]
    fn the_papers_sweep_states_the_papers_settings() {
        let spec = SweepFile::parse(
            include_bytes!("../../sweeps/paper-figure2.toml"),
            "paper-figure2",
        )
        .unwrap();
        assert_eq!((spec.configurations(), spec.trials()), (9, 90));
        let plan = Plan::of(&spec, 32);
        // At 50 GFLOP/s.
        let speed = Speed {
            seconds_per_update: plan.shapes[0].operations_per_update / 50e9,
            seconds_per_evaluation: plan.shapes[0].operations_per_evaluation / 50e9,
        };
        let plan = plan.timed(&[Some(speed)], 1);
        assert_eq!((plan.shapes.len(), plan.bundles), (1, 3));
        let core_hours = plan.core_hours.unwrap();
        assert!((100.0..200.0).contains(&core_hours), "{core_hours}");
    }
}
