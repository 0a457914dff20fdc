// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Programs in words, and the first place where two of them differ.

use std::fmt;

/// A line of a program in words: a call and what it gave, or a part of the state at its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Which call of the program; the state comes after all calls.
    pub(crate) index: u32,
    /// Name and arguments.
    pub(crate) title: String,
    /// `label=value` each.
    pub(crate) fields: Vec<String>,
}

impl Record {
    /// Reads a line; `None` if it is no record.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim_end().split('\t');
        (words.next()? == "call").then_some(())?;
        let index = words.next()?.parse().ok()?;
        let title = words.next()?.to_owned();
        Some(Self { index, title, fields: words.map(|word| word.trim_end().to_owned()).collect() })
    }

    /// The call's name; for a state also of what.
    fn name(&self) -> String {
        let (name, what) = self.title.split_once('(').unwrap_or((&self.title, ""));
        if name != "state" {
            return name.to_owned();
        }
        let what = what.trim_end_matches(')');
        let kind = what.split(' ').next().unwrap_or(what);
        let known = ["fd", "mapping", "status", "limit", "end"];
        let limit = if kind == "limit" { what } else { kind };
        format!("state {}", if known.contains(&kind) { limit } else { "file" })
    }

    /// Whether both kernels gave the same. Arguments may show numbers of processes.
    fn same_as(&self, other: &Self) -> bool {
        let (a, b) = (self.title.split('(').next(), other.title.split('(').next());
        let is_state = a == Some("state");
        self.index == other.index
            && a == b
            && (!is_state || self.title == other.title)
            && self.fields == other.fields
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        for field in &self.fields {
            write!(f, "  {}", field.get(..400).unwrap_or(field))?;
        }
        Ok(())
    }
}

/// The first difference of a program.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Which program.
    pub(crate) number: u64,
    /// Its calls that were made, a bit each.
    pub(crate) mask: u64,
    /// The call that differs, or the place after the last one.
    pub(crate) at: u32,
    /// What kind of difference it is.
    pub(crate) class: String,
    /// The program up to there, as Linux answered.
    linux: Vec<Record>,
    /// And as Nacre did.
    nacre: Vec<Record>,
    place: usize,
}

impl Difference {
    /// The first place where the two differ.
    pub(crate) fn find(
        number: u64,
        mask: u64,
        linux: Vec<Record>,
        nacre: Vec<Record>,
    ) -> Option<Self> {
        let longest = linux.len().max(nacre.len());
        let place = (0..longest).find(|&at| match (linux.get(at), nacre.get(at)) {
            (Some(a), Some(b)) => !a.same_as(b),
            _ => true,
        })?;
        let class = class(linux.get(place), nacre.get(place));
        let at = linux.get(place).or(nacre.get(place)).map_or(u32::MAX, |record| record.index);
        Some(Self { number, mask, at, class, linux, nacre, place })
    }

    /// The call that differs, in words.
    pub(crate) fn call(&self) -> &str {
        let record = self.linux.get(self.place).or(self.nacre.get(self.place));
        record.map_or("", |record| record.title.as_str())
    }

    /// Both programs, to their ends.
    pub(crate) fn in_full(&self) -> String {
        let text = |records: &[Record]| {
            records.iter().map(|r| format!("{:3} {r}\n", r.index)).collect::<String>()
        };
        format!("Linux:\n{}\nNacre:\n{}", text(&self.linux), text(&self.nacre))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  program {} calls {:x}", self.number, self.mask)?;
        let user = if self.number.is_multiple_of(2) { "root" } else { "user" };
        let from = self.place.saturating_sub(8);
        for record in self.linux.get(from..self.place).unwrap_or_default() {
            writeln!(f, "    {record}")?;
        }
        for (name, records) in [("Linux", &self.linux), ("Nacre", &self.nacre)] {
            match records.get(self.place) {
                Some(record) => writeln!(f, "  {name} ({user}): {record}")?,
                None => writeln!(f, "  {name} ({user}): no more")?,
            }
        }
        Ok(())
    }
}

/// Names of errors, by number, as far as calls give them.
const ERRORS: [(i64, &str); 49] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (8, "ENOEXEC"),
    (9, "EBADF"),
    (10, "ECHILD"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (15, "ENOTBLK"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (18, "EXDEV"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (26, "ETXTBSY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (29, "ESPIPE"),
    (30, "EROFS"),
    (31, "EMLINK"),
    (32, "EPIPE"),
    (33, "EDOM"),
    (34, "ERANGE"),
    (35, "EDEADLK"),
    (36, "ENAMETOOLONG"),
    (38, "ENOSYS"),
    (39, "ENOTEMPTY"),
    (40, "ELOOP"),
    (61, "ENODATA"),
    (75, "EOVERFLOW"),
    (77, "EBADFD"),
    (88, "ENOTSOCK"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (110, "ETIMEDOUT"),
    (512, "ERESTARTSYS"),
    (515, "ENOIOCTLCMD"),
    (524, "ENOTSUPP"),
];

fn in_words(value: &str) -> String {
    let number: Option<i64> = value.parse().ok();
    match number {
        Some(number) if number < 0 => ERRORS
            .iter()
            .find(|(error, _)| *error == -number)
            .map_or_else(|| value.to_owned(), |(_, name)| (*name).to_owned()),
        _ => "ok".to_owned(),
    }
}

/// What kind of difference two records show.
fn class(linux: Option<&Record>, nacre: Option<&Record>) -> String {
    let (linux, nacre) = match (linux, nacre) {
        (Some(linux), Some(nacre)) => (linux, nacre),
        (Some(record), None) => return format!("{}: only on Linux", record.name()),
        (None, Some(record)) => return format!("{}: only on Nacre", record.name()),
        (None, None) => return "nothing".to_owned(),
    };
    let name = linux.name();
    if name != nacre.name() {
        return format!("{name} / {}", nacre.name());
    }
    if name == "state status" || name == "state mapping" {
        let word = |record: &Record| {
            let field = record.fields.first().cloned().unwrap_or_default();
            field.split([':', '=']).next().unwrap_or_default().to_owned()
        };
        return format!("{name} {}", word(linux));
    }
    let pairs = || linux.fields.iter().zip(&nacre.fields);
    let label = |field: &str| field.split('=').next().unwrap_or_default().to_owned();
    let Some((a, b)) = pairs().find(|(a, b)| a != b) else {
        return format!("{name}: other fields");
    };
    if label(a) != label(b) {
        return format!("{name}: {} / {}", label(a), label(b));
    }
    let value = |field: &str| field.split_once('=').map_or("", |(_, value)| value).to_owned();
    match label(a).as_str() {
        "result" => {
            let (a, b) = (value(a), value(b));
            let (of_linux, of_nacre) = (in_words(&a), in_words(&b));
            let same = if of_linux == of_nacre { " (other value)" } else { "" };
            format!("{name}: {of_linux} / {of_nacre}{same}")
        }
        label => {
            let result = linux.fields.first().map(|field| in_words(&value(field)));
            let result = result.filter(|_| label == "out").unwrap_or_default();
            format!("{name}: {label} {result}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[&str]) -> Vec<Record> {
        lines.iter().filter_map(|line| Record::parse(line)).collect()
    }

    #[test]
    fn the_first_difference_names_the_class() {
        let linux = records(&["call\t0\tdup(3)\tresult=4", "call\t1\tclose(9)\tresult=-9"]);
        let nacre = records(&["call\t0\tdup(3)\tresult=4", "call\t1\tclose(9)\tresult=0"]);
        let found = Difference::find(7, 3, linux, nacre).expect("they differ");
        assert_eq!((found.at, found.class.as_str()), (1, "close: EBADF / ok"));
    }

    #[test]
    fn arguments_do_not_count() {
        let linux = records(&["call\t0\tkill(12, 0)\tresult=0"]);
        let nacre = records(&["call\t0\tkill(15, 0)\tresult=0"]);
        assert!(Difference::find(0, 1, linux, nacre).is_none());
    }
}
