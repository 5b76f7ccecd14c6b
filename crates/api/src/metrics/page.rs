//! A page in the text format of Prometheus, written line by line.

use std::fmt::Write;

use deskwire_engine::gauge::Distribution;

/// What a measure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows while the daemon runs; its name ends in `_total`.
    Counter,
}

/// The page being written: a family, then all its samples, then the next family.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    name: String,
}

impl Page {
    /// Begins a family. Its name and help are of this program, never from outside.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        self.head(name, kind, help);
    }

    /// One sample of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        let name = std::mem::take(&mut self.name);
        self.line(&name, labels, value);
        self.name = name;
    }

    /// One sample in seconds, of milliseconds.
    pub fn sample_seconds(&mut self, labels: &[(&str, &str)], millis: u64) {
        let value = fraction(millis, 1_000);
        let name = std::mem::take(&mut self.name);
        self.line(&name, labels, value);
        self.name = name;
    }

    /// One sample in seconds, of milliseconds that may be negative.
    pub fn sample_signed_seconds(&mut self, labels: &[(&str, &str)], millis: i64) {
        let sign = if millis < 0 { "-" } else { "" };
        let value = format!("{sign}{}", fraction(millis.unsigned_abs(), 1_000));
        let name = std::mem::take(&mut self.name);
        self.line(&name, labels, value);
        self.name = name;
    }

    /// A histogram, whole. Values are divided by `scale`, to get the unit that the name says.
    pub fn histogram(&mut self, name: &str, help: &str, values: &Distribution, scale: u64) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in &values.buckets {
            self.line(&bucket, &[("le", &fraction(*bound, scale))], count);
        }
        self.line(&bucket, &[("le", "+Inf")], values.count);
        self.line(&format!("{name}_sum"), &[], fraction(values.sum, scale));
        self.line(&format!("{name}_count"), &[], values.count);
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        debug_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a String takes any write");
        name.clone_into(&mut self.name);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        if !labels.is_empty() {
            let written: Vec<_> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            write!(self.text, "{{{}}}", written.join(",")).expect("a String takes any write");
        }
        writeln!(self.text, " {value}").expect("a String takes any write");
    }
}

/// The value of a label, which may hold any text once three characters are written otherwise.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// `value / scale` in decimals, without the zeros at the end; `scale` is a power of ten.
fn fraction(value: u64, scale: u64) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = scale.ilog10() as usize;
    let rest = format!("{rest:0digits$}");
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    //! Prometheus drops a whole page for one bad line.
    use super::*;

    #[test]
    fn labels_are_escaped_and_fractions_are_decimal() {
        let mut page = Page::default();
        page.family("deskwire_thing_seconds", Kind::Gauge, "One\nthing \\ of two.");
        page.sample_seconds(&[("link", "a \"b\" \\ c\nd")], 1_050);
        page.sample_signed_seconds(&[], -7);
        page.sample(&[], 3);
        let expected = "# HELP deskwire_thing_seconds One\\nthing \\\\ of two.\n\
                        # TYPE deskwire_thing_seconds gauge\n\
                        deskwire_thing_seconds{link=\"a \\\"b\\\" \\\\ c\\nd\"} 1.05\n\
                        deskwire_thing_seconds -0.007\n\
                        deskwire_thing_seconds 3\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn a_histogram_ends_with_everything() {
        let mut page = Page::default();
        let values = Distribution { buckets: vec![(100, 1), (2_500, 3)], count: 4, sum: 10_000_100 };
        page.histogram("deskwire_sync_seconds", "Syncs.", &values, 1_000_000);
        let text = page.into_text();
        assert!(text.contains("deskwire_sync_seconds_bucket{le=\"0.0025\"} 3\n"), "{text}");
        assert!(text.contains("deskwire_sync_seconds_bucket{le=\"+Inf\"} 4\n"), "{text}");
        assert!(
            text.ends_with("deskwire_sync_seconds_sum 10.0001\ndeskwire_sync_seconds_count 4\n"),
            "{text}"
        );
    }
}
