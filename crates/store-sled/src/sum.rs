//! The checksum of the view's files between a clean stop and the next start: sled does not notice every flipped bit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much is read at once, bytes.
const PIECE: usize = 256 << 10;

/// CRC-32C over the names, lengths and contents of all files below a folder.
pub(crate) fn sum_of(folder: &Path) -> io::Result<u32> {
    let mut files = BTreeMap::new();
    collect(folder, &mut files)?;
    let (mut sum, mut buffer) = (0, vec![0; PIECE]);
    for (path, bytes) in files {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        sum = crc32c::crc32c_append(sum, name.as_os_str().as_encoded_bytes());
        sum = crc32c::crc32c_append(sum, &bytes.to_be_bytes());
        let mut file = File::open(&path)?;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => sum = crc32c::crc32c_append(sum, &buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sum)
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.insert(entry.path(), entry.metadata()?.len());
        }
    }
    Ok(())
}
