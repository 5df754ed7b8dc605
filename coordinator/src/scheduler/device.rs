//! What each worker computes on, and which sweeps that is good enough for: a sweep may ask for a
//! device, so that its table is not mixed, and need what a worker says with every acquisition that it
//! offers. Names are compared; none has a meaning here.

use std::collections::HashMap;

use pondersweep_proto::id::WorkerId;

/// Whether a device is the one asked for or one of its kind: `cuda:0` is a `cuda`.
#[must_use]
pub fn is_of_device(device: &str, wanted: &str) -> bool {
    let rest = device.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// What the workers that were heard of can do.
#[derive(Debug, Default)]
pub(super) struct Devices {
    of: HashMap<WorkerId, String>,
    /// What needs they meet; those that meet none are left out.
    offers: HashMap<WorkerId, Vec<String>>,
}

impl Devices {
    /// Notes a worker's device.
    pub(super) fn note(&mut self, worker_id: &WorkerId, device: &str) {
        self.of.insert(worker_id.clone(), device.to_owned());
    }

    /// Notes what a worker offers.
    pub(super) fn note_offers(&mut self, worker_id: &WorkerId, offers: Vec<String>) {
        if offers.is_empty() {
            self.offers.remove(worker_id);
        } else if self.offers.get(worker_id) != Some(&offers) {
            self.offers.insert(worker_id.clone(), offers);
        }
    }

    /// Whether a worker offers what is needed.
    pub(super) fn meets(&self, worker_id: &WorkerId, need: Option<&str>) -> bool {
        need.is_none_or(|need| {
            let offers = self.offers.get(worker_id);
            offers.is_some_and(|offers| offers.iter().any(|offer| offer == need))
        })
    }

    pub(super) fn forget(&mut self, worker_id: &WorkerId) {
        self.of.remove(worker_id);
        self.offers.remove(worker_id);
    }

    /// Whether a worker may train what asks for this device. One whose device is not known may train
    /// only what asks for none.
    pub(super) fn fit(&self, worker_id: &WorkerId, wanted: Option<&str>) -> bool {
        wanted.is_none_or(|wanted| {
            let device = self.of.get(worker_id);
            device.is_some_and(|device| is_of_device(device, wanted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_of_its_own_name_and_of_every_kind_it_belongs_to() {
        for wanted in ["tch", "tch:cuda", "tch:cuda:1"] {
            assert!(is_of_device("tch:cuda:1", wanted), "{wanted}");
        }
        for wanted in ["tch:cuda:11", "tch:c", "cuda", "cuda:1", "tch:cpu", "cpu"] {
            assert!(!is_of_device("tch:cuda:1", wanted), "{wanted}");
        }
    }

    #[test]
    fn a_worker_of_unknown_device_fits_only_what_asks_for_none() {
        let worker_id: WorkerId = "w".parse().unwrap();
        let mut devices = Devices::default();
        assert!(devices.fit(&worker_id, None));
        assert!(!devices.fit(&worker_id, Some("cpu")));
        devices.note(&worker_id, "cpu");
        assert!(devices.fit(&worker_id, Some("cpu")));
        devices.note(&worker_id, "cuda:0");
        assert!(!devices.fit(&worker_id, Some("cpu")));
    }

    #[test]
    fn a_worker_meets_the_needs_that_it_offered_last() {
        let worker_id: WorkerId = "w".parse().unwrap();
        let mut devices = Devices::default();
        let mut meets = |offers: &[&str], need| {
            let offers = offers.iter().map(|&offer| offer.to_owned());
            devices.note_offers(&worker_id, offers.collect());
            devices.meets(&worker_id, need)
        };
        assert!(meets(&[], None));
        assert!(!meets(&[], Some("programs")));
        assert!(meets(&["stories:1", "programs"], Some("programs")));
        assert!(!meets(&["stories:1"], Some("programs")));
        assert!(!meets(&[], Some("stories:1")));
    }
}
