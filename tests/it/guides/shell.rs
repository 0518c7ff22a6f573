//! As much of the shell's grammar as commands in guides need.

/// The line without a comment at its end, and without `&`.
pub(super) fn without_comment(line: &str) -> &str {
    let mut previous = ' ';
    let end = unquoted(line).find(|&(_, char)| {
        let begins = char == '#' && previous.is_whitespace();
        previous = char;
        begins
    });
    let line = end.map_or(line, |(at, _)| line.split_at(at).0).trim_end();
    line.strip_suffix(" &").unwrap_or(line)
}

/// Characters outside of quotes. A quoted part counts as its opening quote.
fn unquoted(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    line.char_indices().filter(move |&(_, char)| {
        if let Some(open) = quote {
            quote = (char != open).then_some(open);
            return false;
        }
        quote = Some(char).filter(|char| ['\'', '"'].contains(char));
        true
    })
}

/// The programs that a command calls, in order.
pub(super) fn programs(command: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (_, char) in unquoted(command) {
        match char {
            '|' | '&' | ';' | '(' | ')' => parts.push(String::new()),
            char => parts.last_mut().expect("there is one").push(char),
        }
    }
    let program = |part: &String| part.split_whitespace().find(|word| !word.contains('=')).map(str::to_owned);
    parts.iter().filter_map(program).collect()
}

#[test]
fn comments_and_programs_are_told_apart() {
    assert_eq!(without_comment("a 'b # c' d#e  # f 'g"), "a 'b # c' d#e");
    assert_eq!(without_comment("# all of it"), "");
    assert_eq!(without_comment("serve &"), "serve");
    assert_eq!(programs("(umask 077; cat > a)"), ["umask", "cat"]);
    assert_eq!(programs("A=1 a --x 'b | c' | d && e"), ["a", "d", "e"]);
}
