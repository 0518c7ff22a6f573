//! What the bodies of the fuzz targets share. A body takes any bytes and panics when a property
//! fails; it stands beside what it tests, and runs in the ordinary tests too.

/// Stands for a secret in the inputs. It may not be in anything that is shown.
pub(crate) const CANARY: &str = "canary-5ecret";

#[cfg(test)]
pub(crate) use self::tests::check;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::test_runner::TestRunner;

    /// Runs the body of `target` on its corpus, on any bytes, and on what is like the corpus;
    /// `PROPTEST_CASES` says how often.
    pub(crate) fn check(target: &str, body: impl Fn(&[u8])) {
        let corpus = corpus(target);
        for bytes in &corpus {
            body(bytes);
        }
        let input = prop_oneof![1 => any::<Vec<u8>>(), 4 => like(&corpus)];
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        let run = TestRunner::new(config).run(&input, |bytes| {
            body(&bytes);
            Ok(())
        });
        run.unwrap();
    }

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// A file of `corpus` in which some pieces are replaced by any bytes, or by pieces of any file.
    fn like(corpus: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> {
        let corpus: Vec<Vec<Vec<u8>>> = corpus.iter().map(|file| pieces(file)).collect();
        let part = (select(corpus.clone()), any::<Index>(), 0_usize..4).prop_map(|(file, start, len)| {
            let start = start.index(file.len() + 1);
            file.into_iter().skip(start).take(len).collect()
        });
        let new = prop_oneof![1 => vec(vec(any::<u8>(), 0..4), 1), 3 => part];
        let edit = (any::<Index>(), 0_usize..3, new);
        (select(corpus), vec(edit, 0..8)).prop_map(|(mut file, edits)| {
            for (start, len, new) in edits {
                let start = start.index(file.len() + 1);
                let end = file.len().min(start + len);
                file.splice(start..end, new);
            }
            file.concat()
        })
    }

    /// Words and numbers whole, all else byte by byte.
    fn pieces(file: &[u8]) -> Vec<Vec<u8>> {
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        file.chunk_by(|a, b| in_word(a) && in_word(b)).map(<[u8]>::to_vec).collect()
    }
}
