//! What a folder takes on the disk.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

/// Bytes of the blocks that the file system has given to everything below the folder.
pub(super) fn usage(root: &Path) -> io::Result<u64> {
    let meta = match fs::symlink_metadata(root) {
        // A running daemon may remove what it needs no longer.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut total = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in fs::read_dir(root)? {
            total += usage(&entry?.path())?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    //! Space that is forgotten is space that an operator runs out of.
    use super::*;

    #[test]
    fn files_of_all_folders_count() {
        let folder = tempfile::tempdir().unwrap();
        let before = usage(folder.path()).unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/file"), vec![1; 300_000]).unwrap();
        fs::File::open(folder.path().join("a/b/file")).unwrap().sync_all().unwrap();
        let grown = usage(folder.path()).unwrap() - before;
        assert!((300_000..400_000).contains(&grown), "{grown}");
        assert_eq!(usage(&folder.path().join("nothing")).unwrap(), 0);
    }
}
