//! Search for bytes in everything that lies in a folder.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use memchr::memmem::Finder;

/// Read at once, bytes.
const PIECE: usize = 1 << 20;

/// What was searched and found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Files that were read to their end.
    pub(super) files: usize,
    /// Bytes that were read.
    pub(super) bytes: u64,
    /// For each that was looked for, where it stands.
    pub(super) places: Vec<Vec<PathBuf>>,
}

/// Looks for each of these in every file below the folder, or in the one file.
pub(super) fn search(root: &Path, wanted: &[Vec<u8>]) -> io::Result<Found> {
    let finders: Vec<_> = wanted.iter().map(Finder::new).collect();
    let mut found = Found { places: vec![Vec::new(); wanted.len()], ..Found::default() };
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        match look(&path, &finders, &mut open, &mut found) {
            // A running daemon may remove what it needs no longer.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != root => {}
            other => other?,
        }
    }
    Ok(found)
}

fn look(path: &Path, finders: &[Finder<'_>], open: &mut Vec<PathBuf>, found: &mut Found) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            open.push(entry?.path());
        }
    } else if kind.is_file() {
        read(path, finders, found)?;
    }
    Ok(())
}

/// Reads a file piece by piece; the end of each piece is looked at again with the next, so that nothing hides between.
fn read(path: &Path, finders: &[Finder<'_>], found: &mut Found) -> io::Result<()> {
    let longest = finders.iter().map(|finder| finder.needle().len()).max().unwrap_or_default();
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(PIECE + longest);
    let mut hit = vec![false; finders.len()];
    loop {
        let kept = bytes.len();
        let got = file.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        found.bytes += (bytes.len() - kept) as u64;
        for (hit, finder) in hit.iter_mut().zip(finders) {
            *hit = *hit || finder.find(&bytes).is_some();
        }
        if got == 0 {
            break;
        }
        let rest = bytes.len().saturating_sub(longest.saturating_sub(1));
        bytes.drain(..rest);
    }
    found.files += 1;
    for (places, _) in found.places.iter_mut().zip(hit).filter(|(_, hit)| *hit) {
        places.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! A search that overlooks something says that nothing leaked when it did.
    use super::*;

    #[test]
    fn it_finds_what_lies_deep_and_what_crosses_the_border_of_two_pieces() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("store/journal")).unwrap();
        let mut bytes = vec![b'x'; 3 * PIECE];
        bytes[PIECE - 3..PIECE + 4].copy_from_slice(b"secret1");
        bytes[3 * PIECE - 7..].copy_from_slice(b"secret2");
        let path = folder.path().join("store/journal/0");
        fs::write(&path, &bytes).unwrap();
        fs::write(folder.path().join("token"), "short").unwrap();
        let wanted = ["secret1", "secret2", "secret3", "short"].map(|text| text.as_bytes().to_vec());
        let found = search(folder.path(), &wanted).unwrap();
        let token = folder.path().join("token");
        assert_eq!(found.places, [vec![path.clone()], vec![path], vec![], vec![token]]);
        assert_eq!((found.files, found.bytes), (2, 3 * PIECE as u64 + 5));
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_folder_without_hits() {
        assert!(search(Path::new("/nonexistent/deskwire"), &[]).is_err());
    }
}
