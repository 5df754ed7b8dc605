//! What to try when ssh or Slurm refuses, by what it said.

/// What `ssh` says when a port of the host cannot be led back here.
const NO_FORWARDING: &str = "remote port forwarding failed";

/// Whether ssh reached the host, and only the tunnel's port could not be had there.
#[must_use]
pub fn is_of_tunnel(said: &str) -> bool {
    said.contains(NO_FORWARDING)
}

/// What to try when `command`, an ssh that runs `true` on the host, fails with these words.
#[must_use]
pub fn ssh_hint(said: &str, command: &str) -> String {
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    if has(&["Could not resolve hostname"]) {
        "check the spelling: ssh looks for hosts in ~/.ssh/config, then in DNS".into()
    } else if has(&[
        "Host key verification failed",
        "No ED25519 host key is known",
    ]) {
        format!("ssh does not trust this host yet: run `{command}` once and look at its key")
    } else if has(&[
        "Connection refused",
        "timed out",
        "No route to host",
        "unreachable",
    ]) {
        "no sshd answers there: is the host up, and its port the one in ~/.ssh/config?".into()
    } else if has(&[
        "kex_exchange_identification",
        "Connection closed by",
        "Connection reset",
    ]) {
        "the host may limit connections: ask fewer hosts at once with --at-once".into()
    } else {
        format!("`{command}` must work without a password; see ssh-agent and ~/.ssh/config")
    }
}

/// What to try when Slurm refuses with these words; nothing where they say enough.
#[must_use]
pub fn slurm_hint(said: &str) -> &'static str {
    if said.contains("Invalid job array specification") {
        "\nhint: one array has fewer tasks than MaxArraySize in `scontrol show config`; \
         say a smaller --workers, and launch more under another --name"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_fits_what_was_said() {
        let hint = |said| ssh_hint(said, "ssh alpha true");
        for (said, part) in [
            (
                "ssh: Could not resolve hostname nope: Name or service not known",
                "spelling",
            ),
            (
                "No ED25519 host key is known for alpha\nHost key verification failed.",
                "its key",
            ),
            (
                "ssh: connect to host alpha port 1: Connection refused",
                "no sshd answers",
            ),
            (
                "ssh: connect to host alpha port 22: Connection timed out",
                "no sshd answers",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                "--at-once",
            ),
            (
                "me@alpha: Permission denied (publickey).",
                "without a password",
            ),
        ] {
            assert!(hint(said).contains(part), "{said}: {}", hint(said));
            assert!(!is_of_tunnel(said), "{said}");
        }
        assert!(is_of_tunnel(
            "Error: remote port forwarding failed for listen port 7878"
        ));
        let refused = "sbatch: error: Batch job submission failed: Invalid job array specification";
        assert!(slurm_hint(refused).contains("MaxArraySize"));
        assert_eq!(
            slurm_hint("sbatch: error: invalid partition specified: x"),
            ""
        );
    }
}
