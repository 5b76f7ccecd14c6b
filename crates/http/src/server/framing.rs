//! The framing of HTTP/1 requests, watched before the parser sees it: a line ends with CR LF or the request ends.
//!
//! The parser takes a bare LF for the end of a line (RFC 9112, section 2.2, lets it), and a proxy in front of this
//! listener may not: two readers of one request see two requests. So a bare LF outside of a body becomes a byte that
//! no parser takes; the parser itself then answers 400 and ends the connection. proto-spec, section 5.13.

/// So much of a line is looked at: more than any header that says how long a body is.
const LINE: usize = 256;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    part: Part,
    line: Vec<u8>,
    after_cr: bool,
    length: u64,
    chunked: bool,
    begun: bool,
    spoiled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    /// So many bytes of a body, or of a chunk with its line end.
    Bytes {
        left: u64,
        chunk: bool,
    },
    ChunkSize,
    Trailer,
    /// HTTP/2, or a request that is refused already.
    Unwatched,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Head,
            line: Vec::new(),
            after_cr: false,
            length: 0,
            chunked: false,
            begun: false,
            spoiled: false,
        }
    }

    /// Once after a line was spoiled: the parser looks at a head only when its end has come, so this end is to be read.
    pub(super) fn ending(&mut self) -> Option<&'static [u8]> {
        std::mem::take(&mut self.spoiled).then_some(b"\r\n\r\n")
    }

    /// Looks at the next bytes, and spoils a line that ends without CR.
    pub(super) fn watch(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let rest = match self.part {
                Part::Unwatched => return,
                Part::Bytes { left, chunk } => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - taken as u64;
                    self.part = match (left, chunk) {
                        (0, true) => Part::ChunkSize,
                        (0, false) => self.next_head(),
                        (left, chunk) => Part::Bytes { left, chunk },
                    };
                    taken
                }
                Part::Head | Part::ChunkSize | Part::Trailer => self.line(bytes),
            };
            bytes = &mut bytes[rest..];
        }
    }

    /// Takes bytes up to the end of the line, or all; how many.
    fn line(&mut self, bytes: &mut [u8]) -> usize {
        for (place, byte) in bytes.iter_mut().enumerate() {
            match *byte {
                b'\n' if !self.after_cr => {
                    *byte = 0;
                    self.spoiled = true;
                    self.part = Part::Unwatched;
                    return place + 1;
                }
                b'\n' => {
                    self.after_cr = false;
                    self.part = self.ended();
                    self.line.clear();
                    return place + 1;
                }
                other => {
                    self.after_cr = other == b'\r';
                    if !self.after_cr && self.line.len() < LINE {
                        self.line.push(other.to_ascii_lowercase());
                    }
                }
            }
        }
        bytes.len()
    }

    /// What follows the line that has ended.
    fn ended(&mut self) -> Part {
        let line = std::mem::take(&mut self.line);
        match self.part {
            Part::Head if line.is_empty() && self.begun => self.body(),
            Part::Head if line == b"pri * http/2.0" && !self.begun => Part::Unwatched,
            Part::Head => {
                self.begun |= !line.is_empty();
                self.header(&line);
                Part::Head
            }
            Part::ChunkSize => match chunk_size(&line) {
                Some(0) => Part::Trailer,
                Some(size) => Part::Bytes { left: size.saturating_add(2), chunk: true },
                None => Part::Unwatched,
            },
            Part::Trailer if line.is_empty() => self.next_head(),
            Part::Trailer | Part::Bytes { .. } | Part::Unwatched => self.part,
        }
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let value = line[colon + 1..].trim_ascii();
        match &line[..colon] {
            b"content-length" => {
                let digits = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.length = digits.unwrap_or(0);
            }
            b"transfer-encoding" => self.chunked = value.ends_with(b"chunked"),
            _ => {}
        }
    }

    fn body(&mut self) -> Part {
        match (self.chunked, self.length) {
            (true, _) => Part::ChunkSize,
            (false, 0) => self.next_head(),
            (false, left) => Part::Bytes { left, chunk: false },
        }
    }

    fn next_head(&mut self) -> Part {
        (self.length, self.chunked, self.begun) = (0, false, false);
        Part::Head
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    //! A request that a proxy reads as two must not be read as one, and no byte of a body may be touched.
    use super::*;

    fn spoiled(text: &str, step: usize) -> bool {
        let mut framing = Framing::new();
        let mut bytes = text.as_bytes().to_vec();
        bytes.chunks_mut(step).for_each(|piece| framing.watch(piece));
        bytes != text.as_bytes()
    }

    #[test]
    fn a_line_without_cr_is_spoiled_wherever_lines_are() {
        for bad in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\nHost: x\r\n\r\n",
        ] {
            for step in [1, 3, 1_000] {
                assert!(spoiled(bad, step), "{bad:?} in pieces of {step}");
            }
        }
    }

    #[test]
    fn bodies_and_good_requests_are_left_alone() {
        for good in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-LENGTH: 4\r\n\r\n\na\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA;x=y\r\n\n\n345678\n\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n",
        ] {
            for step in [1, 3, 1_000] {
                assert!(!spoiled(good, step), "{good:?} in pieces of {step}");
            }
        }
    }
}
