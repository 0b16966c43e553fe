use std::path::PathBuf;

use tracing::{info, warn};

use crate::{pki::Chain, secret::Secret};

use super::{
    Error, Operation, Options,
    directory::Directory,
    generation::{self, CERTIFICATE, CHAIN, FULL_CHAIN, Files, Generation, KEY},
    leftovers::{self, BUILDING, NEXT_LIVE},
    live::{self, GENERATIONS, LIVE, Live},
    ownership::Ownership,
};

/// The directory of one certificate. Cheap to clone; all functions block.
#[derive(Clone, Debug)]
pub struct Outputs {
    options: Options,
}

/// What [`Outputs::repair`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Removed remains of killed writes.
    pub leftovers: Vec<PathBuf>,
    /// Files that got back their declared owner, group or mode.
    pub permissions: Vec<PathBuf>,
}

/// Readers pass, each file decides for itself.
const GENERATION_MODE: u32 = 0o755;
/// Nobody looks into a generation that is being built.
const BUILDING_MODE: u32 = 0o700;

impl Outputs {
    /// Touches nothing yet.
    pub fn new(options: Options) -> Self {
        Outputs { options }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Where readers find the current files.
    pub fn live_path(&self) -> PathBuf {
        self.options.directory.join(LIVE)
    }

    /// Writes a new generation, complete and durable when this returns, which nobody reads before
    /// [`Outputs::activate`].
    ///
    /// A generation with exactly these contents is taken as it is, so that a
    /// repetition after a crash makes no second one.
    ///
    /// # Errors
    /// Any [`Error`]; nothing that readers see has changed then.
    pub fn write(&self, files: &Files) -> Result<Generation, Error> {
        let ownership = Ownership::resolve(&self.options)?;
        let (root, generations) = self.open_or_make()?;
        leftovers::clear(&root, &generations)?;

        let numbers = generation::numbers(&generations)?;
        for number in numbers.iter().rev().copied() {
            if let Ok(directory) = live::open(&generations, number, self.options.with_key)
                && files.are_in(&directory, &self.options)
            {
                self.apply_ownership(&directory, ownership)?;
                // the rename that numbered it may not have reached the disk
                generations.flush()?;
                return Ok(Generation {
                    number,
                    path: directory.path,
                });
            }
        }

        let newest = numbers.last().copied().max(live::target(&root)?);
        let number = newest
            .unwrap_or(0)
            .checked_add(1)
            .ok_or_else(|| Error::Exhausted(generations.path.clone()))?;
        self.build(files, &generations, number, ownership)
            .inspect_err(|_| {
                // gives back the space; what cannot be removed now is found by the next write
                let _ = leftovers::clear(&root, &generations);
            })
    }

    fn build(
        &self,
        files: &Files,
        generations: &Directory,
        number: u32,
        ownership: Ownership,
    ) -> Result<Generation, Error> {
        let name = generation::name(number);
        let building = format!("{BUILDING}{name}");
        let directory = generations.make_new(&building, BUILDING_MODE)?;
        files.write(&directory, &self.options, ownership)?;
        directory.set_mode(GENERATION_MODE)?;
        directory.flush()?;
        generations.rename(&building, &name)?;
        generations.flush()?;
        Ok(Generation {
            number,
            path: generations.path.join(name),
        })
    }

    /// Makes `live` lead to generation `number`, for every reader at once, and removes old generations.
    ///
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// Any [`Error`]; `live` leads to the old or to the new generation, never elsewhere.
    pub fn activate(&self, number: u32) -> Result<(), Error> {
        let (root, generations) = self.open_or_make()?;
        live::open(&generations, number, self.options.with_key)?;
        if live::target(&root)? == Some(number) {
            // the rename may not have reached the disk before a crash
            root.flush()?;
        } else {
            live::switch(&root, number)?;
        }
        if let Err(error) = leftovers::prune(&generations, Some(number)) {
            warn!(directory = %self.options.directory.display(), %error, "old generations stay for now");
        }
        Ok(())
    }

    /// Reads back what readers get, and checks it. `None` when nothing was activated yet.
    ///
    /// # Errors
    /// [`Error::Incomplete`], [`Error::Damaged`] and [`Error::Mismatch`] say that `live` is of no
    /// use as it is; the others, that it could not be looked at.
    pub fn live(&self) -> Result<Option<Live>, Error> {
        let Some(root) = Directory::open(&self.options.directory)? else {
            return Ok(None);
        };
        let Some(number) = live::target(&root)? else {
            return Ok(None);
        };
        let generations = root.subdirectory(GENERATIONS)?.ok_or_else(|| Error::Incomplete {
            number,
            path: root.path.join(GENERATIONS),
        })?;
        let with_key = self.options.with_key;
        live::read(&live::open(&generations, number, with_key)?, number, with_key).map(Some)
    }

    /// The chains of all generations that can be read, the newest first.
    pub fn chains(&self) -> Vec<Chain> {
        self.readable().into_iter().map(|live| live.chain).collect()
    }

    /// The key of the generation whose certificate has this SHA-256, PEM.
    pub fn key_of(&self, fingerprint: &[u8; 32]) -> Option<Secret> {
        let found = self.readable();
        let found = found.iter().find(|one| one.chain.fingerprint() == fingerprint)?;
        let directory = Directory::open(&found.generation.path).ok().flatten()?;
        live::read_key(&directory, found.generation.number).ok()
    }

    fn readable(&self) -> Vec<Live> {
        let root = Directory::open(&self.options.directory).ok().flatten();
        let generations = root.and_then(|root| root.subdirectory(GENERATIONS).ok().flatten());
        let Some(generations) = generations else {
            return Vec::new();
        };
        let with_key = self.options.with_key;
        let numbers = generation::numbers(&generations).unwrap_or_default();
        let read = |number| {
            live::read(
                &live::open(&generations, number, with_key).ok()?,
                number,
                with_key,
            )
            .ok()
        };
        numbers.into_iter().rev().filter_map(read).collect()
    }

    /// Removes the remains of killed writes and re-applies owner, group and mode to every generation.
    ///
    /// # Errors
    /// The first thing that could not be done.
    pub fn repair(&self) -> Result<Repaired, Error> {
        let ownership = Ownership::resolve(&self.options)?;
        let Some(root) = Directory::open(&self.options.directory)? else {
            return Ok(Repaired::default());
        };
        let Some(generations) = root.subdirectory(GENERATIONS)? else {
            return Ok(Repaired::default());
        };
        root.lock()?;
        let mut repaired = Repaired {
            leftovers: leftovers::clear(&root, &generations)?,
            permissions: Vec::new(),
        };
        for number in generation::numbers(&generations)? {
            if let Some(directory) = generations.subdirectory(generation::name(number))? {
                repaired
                    .permissions
                    .extend(self.apply_ownership(&directory, ownership)?);
            }
        }
        leftovers::prune(&generations, live::target(&root)?)?;
        if repaired != Repaired::default() {
            info!(
                directory = %self.options.directory.display(),
                leftovers = repaired.leftovers.len(),
                permissions = repaired.permissions.len(),
                "output directory repaired"
            );
        }
        Ok(repaired)
    }

    /// Tries everything that a write will need, with a throw-away file: for checks before a CA is asked.
    ///
    /// # Errors
    /// What the write would fail with.
    pub fn check_writable(&self) -> Result<(), Error> {
        let ownership = Ownership::resolve(&self.options)?;
        let (root, generations) = self.open_or_make()?;
        leftovers::clear(&root, &generations)?;
        live::target(&root)?;

        let building = format!("{BUILDING}check");
        let tried = self.try_write(&root, &generations, &building, ownership);
        let cleared = leftovers::clear(&root, &generations);
        tried.and(cleared.map(drop))
    }

    fn try_write(
        &self,
        root: &Directory,
        generations: &Directory,
        building: &str,
        ownership: Ownership,
    ) -> Result<(), Error> {
        /// More than a key with a long RSA chain, so that a full disk shows.
        static TRIAL: [u8; 32 << 10] = [0; 32 << 10];
        let directory = generations.make_new(building, BUILDING_MODE)?;
        generation::write_file(&directory, KEY, &TRIAL, self.options.key_mode, ownership)?;
        generation::write_file(&directory, CERTIFICATE, &[], self.options.mode, ownership)?;
        rustix::fs::symlinkat(GENERATIONS, &root.fd, NEXT_LIVE)
            .map_err(|errno| root.failed(NEXT_LIVE, Operation::Link, errno))
    }

    fn open_or_make(&self) -> Result<(Directory, Directory), Error> {
        let root = Directory::open_or_make(&self.options.directory)?;
        root.check_trusted()?;
        root.lock()?;
        let generations = root.subdirectory_or_make(GENERATIONS)?;
        generations.check_trusted()?;
        Ok((root, generations))
    }

    fn apply_ownership(&self, directory: &Directory, ownership: Ownership) -> Result<Vec<PathBuf>, Error> {
        let mut changed = Vec::new();
        for (name, mode) in [
            (KEY, self.options.key_mode),
            (CERTIFICATE, self.options.mode),
            (CHAIN, self.options.mode),
            (FULL_CHAIN, self.options.mode),
        ] {
            let path = directory.path.join(name);
            if let Some(file) = generation::open_file(directory, name)?
                && ownership.apply(&file, &path, mode)?
            {
                changed.push(path);
            }
        }
        Ok(changed)
    }
}
