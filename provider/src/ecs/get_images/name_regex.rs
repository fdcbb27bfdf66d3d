//! Regular expressions in the syntax of Go's `regexp`, matched in time linear in the text. They are written anew in the
//! syntax of the crate `regex`: what both read alike stays, what only Go has is spelled out, and what only the crate has
//! cannot come out.

use regex::{Error, Regex};

/// The largest count of a repetition that Go takes.
const MOST_REPEATS: u32 = 1_000;
const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
/// Without the vertical tab, as in Go.
const SPACE: &str = r"\t\n\x0C\r\x20";
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence whose subject is the expression.
pub(crate) fn compile(expression: &str) -> Result<Regex, String> {
    Regex::new(&translate(expression)?).map_err(|error| match error {
        Error::CompiledTooBig(_) => "is too large: use smaller counts in its repetitions".to_owned(),
        other => {
            // The crate shows the expression as it was written anew, and says what is wrong on the last line.
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            format!("is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
        }
    })
}

fn translate(expression: &str) -> Result<String, String> {
    let mut reader = Reader { rest: expression, written: String::new(), open: 0 };
    while let Some(c) = reader.next() {
        reader.item(c)?;
    }
    if reader.open > 0 {
        return Err("has a ( without its )".to_owned());
    }
    Ok(reader.written)
}

struct Reader<'a> {
    rest: &'a str,
    written: String,
    /// How many groups are open.
    open: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What stands before `end`, which is passed over.
    fn until(&mut self, end: &str) -> Option<String> {
        let (before, after) = self.rest.split_once(end)?;
        let before = before.to_owned();
        self.rest = after;
        Some(before)
    }

    fn item(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            ')' if self.open == 0 => return Err("has a ) without its (".to_owned()),
            ')' => {
                self.open -= 1;
                self.written.push(')');
            }
            '{' => self.count()?,
            '|' | '^' | '$' | '.' | '*' | '+' | '?' => self.written.push(c),
            _ => self.literal(c),
        }
        Ok(())
    }

    /// Writes a character that stands for itself.
    fn literal(&mut self, c: char) {
        if c.is_ascii_alphanumeric() || !c.is_ascii() {
            self.written.push(c);
        } else {
            self.written.push_str(&format!(r"\x{{{:X}}}", u32::from(c)));
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.peek() {
            Some('Q') => {
                self.next();
                let end = self.rest.find(r"\E").unwrap_or(self.rest.len());
                let (quoted, rest) = self.rest.split_at(end);
                self.rest = rest.strip_prefix(r"\E").unwrap_or(rest);
                quoted.chars().for_each(|c| self.literal(c));
            }
            Some('C') => {
                let reason =
                    r"uses \C, a single byte, which names in Unicode cannot be matched by: use . instead";
                return Err(reason.to_owned());
            }
            Some(c @ ('A' | 'z')) => {
                self.next();
                self.written.extend(['\\', c]);
            }
            Some(c @ ('b' | 'B')) => {
                self.next();
                self.written.push_str(&format!(r"(?-u:\{c})"));
            }
            Some(_) if self.set(false)? => {}
            _ => {
                let c = self.escaped()?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// Writes a set of characters whose backslash has been read, and says whether there was one.
    fn set(&mut self, in_class: bool) -> Result<bool, String> {
        let Some(letter) = self.peek() else { return Ok(false) };
        let set = match letter.to_ascii_lowercase() {
            'd' => DIGITS,
            'w' => WORD,
            's' => SPACE,
            'p' => {
                self.next();
                self.unicode_set(letter == 'P')?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.next();
        let set = match (letter.is_ascii_uppercase(), in_class) {
            (false, true) => set.to_owned(),
            (false, false) => format!("[{set}]"),
            (true, _) => format!("[^{set}]"),
        };
        self.written.push_str(&set);
        Ok(true)
    }

    fn unicode_set(&mut self, negated: bool) -> Result<(), String> {
        let name = match self.next() {
            Some('{') => self.until("}").ok_or(r"has a \p{ without its }")?,
            Some(c) => c.to_string(),
            None => return Err(r"ends in \p: a name such as \p{Han} is missing".to_owned()),
        };
        let (name, negated) = match name.strip_prefix('^') {
            Some(name) => (name, !negated),
            None => (name.as_str(), negated),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!(r"has \p{{{name}}}, which names no category or script"));
        }
        let letter = if negated { 'P' } else { 'p' };
        self.written.push_str(&format!(r"\{letter}{{{name}}}"));
        Ok(())
    }

    /// The character that an escape stands for, whose backslash has been read.
    fn escaped(&mut self) -> Result<char, String> {
        let c = self.next().ok_or(r"ends in a \ that escapes nothing")?;
        let is_octal = |c: &char| ('0'..='7').contains(c);
        let code = match c {
            '1'..='7' if !self.peek().is_some_and(|c| is_octal(&c)) => {
                return Err(format!(r"refers back to a group by \{c}, which needs more than linear time"));
            }
            '0'..='7' => {
                let mut code = u32::from(c) - u32::from('0');
                for _ in 0..2 {
                    let Some(digit) = self.peek().filter(is_octal) else { break };
                    self.next();
                    code = code * 8 + u32::from(digit) - u32::from('0');
                }
                code
            }
            'x' => {
                let (digits, is_whole) = if self.skip("{") {
                    (self.until("}").ok_or(r"has a \x{ without its }")?, true)
                } else {
                    let digits: String = self.next().into_iter().chain(self.next()).collect();
                    let is_whole = digits.len() == 2;
                    (digits, is_whole)
                };
                let is_hex = is_whole && digits.chars().all(|c| c.is_ascii_hexdigit());
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
                code.ok_or_else(|| {
                    format!(r"has \x{digits}, which is no character: two hexadecimal digits, or more in {{}}")
                })?
            }
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            c => return Err(format!(r"has \{c}, which Go's syntax does not know")),
        };
        char::from_u32(code).ok_or_else(|| format!("has a character {code:#x}, which there is not"))
    }

    /// A class, whose bracket has been read.
    fn class(&mut self) -> Result<(), String> {
        const OPEN: &str = "has a [ without its ]";
        self.written.push('[');
        if self.skip("^") {
            self.written.push('^');
        }
        let mut is_first = true;
        loop {
            match self.peek().ok_or(OPEN)? {
                ']' if !is_first => break,
                '[' if self.rest.starts_with("[:") && self.posix()? => {}
                '\\' if {
                    let before = self.rest;
                    self.next();
                    let is_set = self.set(true)?;
                    if !is_set {
                        self.rest = before;
                    }
                    is_set
                } => {}
                _ => {
                    let low = self.member()?.ok_or(OPEN)?;
                    let mut rest = self.rest.chars();
                    let is_range = rest.next() == Some('-') && rest.next().is_some_and(|c| c != ']');
                    self.literal(low);
                    if is_range {
                        self.next();
                        let high = self.member()?.ok_or(OPEN)?;
                        if high < low {
                            return Err(format!("has a range {low}-{high} that ends before it begins"));
                        }
                        self.written.push('-');
                        self.literal(high);
                    }
                }
            }
            is_first = false;
        }
        self.next();
        self.written.push(']');
        Ok(())
    }

    /// One character of a class.
    fn member(&mut self) -> Result<Option<char>, String> {
        match self.next() {
            Some('\\') => self.escaped().map(Some),
            c => Ok(c),
        }
    }

    /// Writes a set such as `[:alpha:]`, and says whether there was one.
    fn posix(&mut self) -> Result<bool, String> {
        let Some((name, rest)) = self.rest[2..].split_once(":]") else { return Ok(false) };
        if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(format!(
                "has [:{name}:], which is no set of characters; there are {}",
                POSIX.join(", ")
            ));
        }
        self.written.push_str(&format!("[:{name}:]"));
        self.rest = rest;
        Ok(true)
    }

    /// A group, whose parenthesis has been read. What it captures is of no interest.
    fn group(&mut self) -> Result<(), String> {
        if self.skip("?P<") || (self.rest.starts_with("?<") && !self.looks_behind() && self.skip("?<")) {
            let name = self.until(">").unwrap_or_default();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err("has a group whose name is not of letters, digits and _".to_owned());
            }
        } else if self.rest.starts_with("?=") || self.rest.starts_with("?!") || self.looks_behind() {
            return Err("looks ahead or behind, which needs more than linear time".to_owned());
        } else if self.skip("?") {
            return self.flags();
        }
        self.open += 1;
        self.written.push_str("(?:");
        Ok(())
    }

    fn looks_behind(&self) -> bool {
        self.rest.starts_with("?<=") || self.rest.starts_with("?<!")
    }

    /// Flags, for the rest of the group or for one of their own.
    fn flags(&mut self) -> Result<(), String> {
        let (mut on, mut off) = (String::new(), String::new());
        let mut is_off = false;
        loop {
            match self.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    on.retain(|other| other != flag);
                    if is_off {
                        off.retain(|other| other != flag);
                        off.push(flag);
                    } else {
                        on.push(flag);
                    }
                }
                Some('-') if !is_off => is_off = true,
                Some(end @ (':' | ')')) if !is_off || !off.is_empty() => {
                    let flags = if off.is_empty() { on } else { format!("{on}-{off}") };
                    match (end, flags.as_str()) {
                        (')', "") => {}
                        (')', flags) => self.written.push_str(&format!("(?{flags})")),
                        (_, flags) => {
                            self.open += 1;
                            self.written.push_str(&format!("(?{flags}:"));
                        }
                    }
                    return Ok(());
                }
                _ => return Err("has a group (?…) that is none: the flags are i, m, s and U".to_owned()),
            }
        }
    }

    /// A count of repetitions, whose brace has been read; a brace that begins none stands for itself.
    fn count(&mut self) -> Result<(), String> {
        let Some((count, rest)) = self.rest.split_once('}') else {
            self.literal('{');
            return Ok(());
        };
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            (is_number && (text.len() == 1 || !text.starts_with('0'))).then(|| text.to_owned())
        };
        let (least, most) = match count.split_once(',') {
            None => (number(count), Some(None)),
            Some((least, "")) => (number(least), Some(None)),
            Some((least, most)) => (number(least), number(most).map(Some)),
        };
        let (Some(least), Some(most)) = (least, most) else {
            self.literal('{');
            return Ok(());
        };
        let value = |text: &str| text.parse().ok().filter(|count: &u32| *count <= MOST_REPEATS);
        let limits = (value(&least), most.as_deref().map(value));
        if !matches!(limits, (Some(_), None))
            && !matches!(limits, (Some(least), Some(Some(most))) if least <= most)
        {
            return Err(format!(
                "repeats {{{count}}} times: counts go from less to more, and up to {MOST_REPEATS}"
            ));
        }
        self.written.push_str(&format!("{{{count}}}"));
        self.rest = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, matching: &[&str], others: &[&str]) {
        let regex = compile(expression).unwrap_or_else(|reason| panic!("{expression} {reason}"));
        for name in matching {
            assert!(regex.is_match(name), "{expression} on {name}: {regex}");
        }
        for name in others {
            assert!(!regex.is_match(name), "{expression} on {name}: {regex}");
        }
    }

    #[track_caller]
    fn check_refused(expression: &str, part: &str) {
        let reason = compile(expression).expect_err(expression);
        assert!(reason.contains(part), "{expression}: {reason}");
    }

    #[test]
    fn expressions_of_programs_find_their_names() {
        check(
            "^centos_6\\w{1,5}[64]{1}.*",
            &["centos_6_09_64_20G"],
            &["centos_7_09_64_20G", "x_centos_6_09"],
        );
        check("^ubuntu_18.*_64", &["ubuntu_18_04_64_20G"], &["ubuntu_16_04_64"]);
        check("win.*|^aliyun", &["x_win2022", "aliyun_3"], &["aliyu", "x_aliyun"]);
        check("(?i)CentOS", &["a-centos-b", "CENTOS"], &["cent"]);
        check("web$", &["my-web"], &["web-1"]);
        check("", &["anything", ""], &[]);
        check("网站.", &["网站1"], &["网站"]);
    }

    #[test]
    fn classes_are_of_ascii_as_in_go() {
        check(r"^\d+$", &["123"], &["١٢٣", "a"]);
        check(r"^\w+$", &["a_1"], &["é", "网"]);
        check(r"^\W$", &["é", "-"], &["a"]);
        check(r"a\sb", &["a b", "a\tb"], &["a\u{b}b", "a\u{a0}b"]);
        check(r"[\s]", &[" "], &["\u{b}"]);
        check(r"[^\S]", &[" "], &["a"]);
        check(r"\bweb\b", &["a web b", "éweb"], &["webs"]);
        check(r"a\B", &["ab"], &["a-"]);
        check(r"[[:word:]-]", &["_", "-"], &["é"]);
        check(r"[[:^alpha:]]", &["1"], &["a"]);
        check(r"[\D]", &["a"], &["1"]);
    }

    #[test]
    fn sets_of_unicode_have_their_names() {
        check(r"^\p{Han}+$", &["网站"], &["web"]);
        check(r"\pN", &["x1", "x²"], &["x"]);
        check(r"^[\P{Greek}]$", &["a"], &["α"]);
        check(r"^\p{^Lu}$", &["a"], &["A"]);
        check("(?i)ſ", &["s", "S"], &["t"]);
        check_refused(r"\p{Hun}", "Unicode property not found");
        check_refused(r"\p{}", "names no category or script");
        check_refused(r"\p{Han", r"has a \p{ without its }");
        check_refused(r"\p", "is missing");
    }

    #[test]
    fn quoted_text_stands_for_itself() {
        check(r"^\Qa.b*\E+$", &["a.b*", "a.b***"], &["aXb", "a.b"]);
        check(r"\Q[x", &["[x"], &["x"]);
        check(r"\Q\E", &[""], &[]);
        check(r"\<\>\-\_\ ", &["<>-_ "], &["-_ "]);
        check_refused(r"a\E", r"has \E, which");
    }

    #[test]
    fn what_only_the_crate_knows_stands_for_itself() {
        check("^[a&&b]$", &["&", "a", "b"], &["c"]);
        check("^[a~~c!--]$", &["a", "~", "c", "-"], &["d"]);
        check("^[[a]$", &["[", "a"], &["]"]);
        check("^[]a]$", &["]", "a"], &["b"]);
        check("^[^]a]$", &["b"], &["]"]);
        check("^[a-]$", &["-", "a"], &["b"]);
        check("^[-a]$", &["-", "a"], &["b"]);
        check("^[[:a]$", &["[", ":", "a"], &["b"]);
        check("^[[:]$", &["[", ":"], &["b"]);
        check("^a{,2}$", &["a{,2}"], &["aa"]);
        check("^a{x}b{$", &["a{x}b{"], &["ab"]);
        check("^a{02}]}$", &["a{02}]}"], &["aa"]);
        check("# x", &["# x"], &["x"]);
        check_refused("(?x)a", "the flags are i, m, s and U");
        check_refused("(?-u)a", "the flags are i, m, s and U");
    }

    #[test]
    fn groups_flags_and_counts_are_go_s() {
        check("^(?P<year>[0-9]{4})-(?<year>x)(?:y)$", &["2026-xy"], &["26-xy"]);
        check("^(?P<1st>a)$", &["a"], &["b"]);
        check("^(?ii-ms)A(?-i:b)(?)$", &["ab", "Ab"], &["aB"]);
        check("^(?s).(?-s:.)$", &["\na"], &["a\n"]);
        check("(?m)^b$", &["a\nb"], &["ab"]);
        check("^(a{2,3}){2}b{0}c{1,}$", &["aaaac", "aaaaaacc"], &["aaac"]);
        check_refused("a{1001}", "up to 1000");
        check_refused("a{3,2}", "from less to more");
        check_refused("(a{1000}){1000}", "too large");
        check_refused("(?-)a", "the flags are");
        check_refused("(?", "the flags are");
        check_refused("(?P<a b>x)", "letters, digits and _");
    }

    #[test]
    fn characters_are_written_in_every_way() {
        check(r"^\x41\x{7f51}\101\0\a\f\n\r\t\v$", &["A网A\0\u{7}\u{c}\n\r\t\u{b}"], &["A"]);
        check(r"^[\x41-\x43]$", &["B"], &["D"]);
        check(r"^[\]\\^-]$", &["]", "\\", "^", "-"], &["a"]);
        for (expression, part) in [
            (r"\x4", "no character"),
            (r"\x{}", "no character"),
            (r"\x{+41}", "no character"),
            (r"\x{41", "without its }"),
            (r"\x{110000}", "which there is not"),
            (r"\x{d800}", "which there is not"),
            (r"(a)\1", "linear time"),
            (r"\8", r"has \8"),
            (r"\y", r"has \y"),
            (r"\Z", r"has \Z"),
            (r"\é", r"has \é"),
            (r"a\", "escapes nothing"),
            (r"[a\", "escapes nothing"),
            (r"[b-a]", "ends before it begins"),
            (r"[a-\d]", r"has \d"),
            (r"[[:foo:]]", "no set of characters"),
        ] {
            check_refused(expression, part);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused(r"a\Cb", r"uses \C, a single byte");
        check_refused("a(b", "has a ( without its )");
        check_refused("a)b", "has a ) without its (");
        check_refused("a[b", "has a [ without its ]");
        check_refused("[", "has a [ without its ]");
        check_refused("[^", "has a [ without its ]");
        check_refused("[]", "has a [ without its ]");
        check_refused("*a", "is no regular expression: repetition operator missing expression");
        check_refused("a(?=b)", "looks ahead or behind");
        check_refused("a(?!b)", "looks ahead or behind");
        check_refused("(?<=a)b", "looks ahead or behind");
        check_refused("(?<!a)b", "looks ahead or behind");
        check_refused(&"(".repeat(1_000), "without its )");
        check_refused(
            &format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000)),
            "is no regular expression",
        );
    }

    /// An engine that tries every way would not come to an end.
    #[test]
    fn time_is_linear() {
        check("^(a+)+$", &[&"a".repeat(128)], &[&format!("{}b", "a".repeat(127))]);
        check("(x+x+)+y", &[], &[&"x".repeat(128)]);
    }

    proptest::proptest! {
        #[test]
        fn no_expression_panics(expression in r"[\\\[\](){}?*+|^$.:<>=!PQECpxbdwsa-c0-9,&~é\-]{0,24}") {
            let _ = compile(&expression);
        }

        #[test]
        fn quoted_text_finds_itself(text in r"\PC{0,20}") {
            let text = text.replace('\\', "/");
            let regex = compile(&format!(r"^\Q{text}\E$")).unwrap();
            proptest::prop_assert!(regex.is_match(&text));
        }
    }
}
