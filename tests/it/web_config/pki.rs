//! Certificates, made by the command line of openssl as an operator would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a certificate is for, as openssl's extensions say it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names(pub(super) &'static str);

/// Of a server on this machine.
pub(super) const LOCALHOST: Names = Names("DNS:localhost,IP:127.0.0.1,IP:127.0.0.2");

/// A directory with a CA and what it signed: `NAME.pem` and `NAME.key`.
pub(super) struct Pki<'d> {
    directory: &'d Path,
    ca: &'static str,
}

impl<'d> Pki<'d> {
    /// With the CA of this name, which is made if there is none.
    pub(super) fn of(directory: &'d Path, ca: &'static str) -> Self {
        let pki = Self { directory, ca };
        if !pki.path(&format!("{ca}.pem")).exists() {
            pki.openssl(&format!(
                "req -x509 {NEW_KEY} -days 30 -keyout {ca}.key -out {ca}.pem -subj /CN={ca}"
            ));
        }
        pki
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Signs a certificate for the day that begins now, with a new key.
    pub(super) fn sign(&self, name: &str, names: Names) {
        self.sign_for(1, name, names);
    }

    /// As [`Pki::sign`], for so many days.
    pub(super) fn sign_for(&self, days: u32, name: &str, names: Names) {
        self.sign_at(&[], days, name, names);
    }

    /// As [`Pki::sign`], for the day that begins at a time as faketime reads it.
    pub(super) fn sign_on(&self, day: &str, name: &str, names: Names) {
        self.sign_at(&["faketime", day], 1, name, names);
    }

    fn sign_at(&self, before: &[&str], days: u32, name: &str, names: Names) {
        let ca = self.ca;
        fs::write(self.path("extensions"), format!("subjectAltName={}\n", names.0)).unwrap();
        self.openssl(&format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        let sign = format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days {days} -extfile extensions -out {name}.pem",
        );
        self.run(before, &sign);
    }

    /// `name` with a key of RSA and no extension, as old recipes make it.
    pub(super) fn sign_as_of_old(&self, name: &str) {
        let ca = self.ca;
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 1 -out {name}.pem"
        ));
    }

    pub(super) fn openssl(&self, arguments: &str) -> String {
        self.run(&[], arguments)
    }

    fn run(&self, before: &[&str], arguments: &str) -> String {
        let words = before.iter().copied().chain(["openssl"]).chain(arguments.split(' '));
        let words: Vec<_> = words.collect();
        let output = Command::new(words[0]).args(&words[1..]).current_dir(self.directory).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run {words:?}, see `make test`: {error}"));
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
