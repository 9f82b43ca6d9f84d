//! The account that PostgreSQL runs as: ourselves, unless we are root, which PostgreSQL refuses.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::LocalServerError;

/// Who runs PostgreSQL's programs.
#[derive(Clone, Debug)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// For messages.
    name: String,
    /// Whether it is somebody else, which only root can arrange.
    switched: bool,
}

impl Account {
    /// The account for a cluster: whoever owns it, else ourselves; as root, `postgres`, else `nobody`.
    pub(super) fn for_cluster(cluster: &Path) -> Result<Self, LocalServerError> {
        let own = Self::ourselves()?;
        let owner = match fs::metadata(cluster) {
            Ok(metadata) => Some((metadata.uid(), metadata.gid())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(LocalServerError::io(cluster)(e)),
        };
        let other_owner = |owner: String, advice: &str| LocalServerError::OtherOwner {
            folder: cluster.to_owned(),
            owner,
            advice: advice.to_owned(),
        };
        match (own.uid, owner) {
            (0, Some((0, _))) => {
                Err(other_owner("root".to_owned(), "PostgreSQL does not run as root; `chown -R postgres` it"))
            }
            (0, Some((uid, gid))) => Ok(Self { uid, gid, name: format!("#{uid}"), switched: true }),
            (0, None) => {
                ["postgres", "nobody"].into_iter().find_map(Self::named).ok_or(LocalServerError::NoAccount)
            }
            (uid, Some((owner, _))) if owner != uid => {
                Err(other_owner(format!("user {owner}"), "run as that user, or choose another data folder"))
            }
            _ => Ok(own),
        }
    }

    pub(super) fn ourselves() -> Result<Self, LocalServerError> {
        let id = |flag| id(flag, None).ok_or(LocalServerError::NoAccount);
        let uid = id("-u")?;
        Ok(Self { uid, gid: id("-g")?, name: format!("#{uid}"), switched: false })
    }

    fn named(name: &str) -> Option<Self> {
        let (uid, gid) = (id("-u", Some(name))?, id("-g", Some(name))?);
        Some(Self { uid, gid, name: name.to_owned(), switched: true })
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// A command that runs as this account, with nothing of our environment, and speaks English.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs([("LC_ALL", "C"), ("PATH", "/usr/local/bin:/usr/bin:/bin")]);
        command.stdin(Stdio::null()).current_dir("/");
        if self.switched {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes a folder, or the one that is there, this account's own and closed to everyone else.
    pub(super) fn private_folder(&self, path: &Path) -> Result<(), LocalServerError> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(LocalServerError::io(path)(e)),
            Ok(()) if self.switched => self.own(path)?,
            _ => {}
        }
        // Where others may write (/tmp), the name may be somebody else's trap.
        let found = fs::symlink_metadata(path).map_err(LocalServerError::io(path))?;
        if !found.is_dir() || found.uid() != self.uid {
            return Err(LocalServerError::OtherOwner {
                folder: path.to_owned(),
                owner: format!("user {}", found.uid()),
                advice: "remove it".to_owned(),
            });
        }
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(LocalServerError::io(path))
    }

    /// Gives a file or an empty folder to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), LocalServerError> {
        if !self.switched {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(LocalServerError::io(path))
    }

    /// Checks that this account can reach a folder through everything above it.
    pub(super) fn check_reach(&self, folder: &Path) -> Result<(), LocalServerError> {
        if !self.switched {
            return Ok(());
        }
        for parent in folder.ancestors() {
            let metadata = fs::metadata(parent).map_err(LocalServerError::io(parent))?;
            let bit = match (metadata.uid() == self.uid, metadata.gid() == self.gid) {
                (true, _) => 0o100,
                (_, true) => 0o010,
                _ => 0o001,
            };
            if metadata.mode() & bit == 0 {
                return Err(LocalServerError::Unreachable {
                    user: self.name.clone(),
                    parent: parent.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Makes the data folder when it is missing, and answers its absolute path. An ordinary user's is closed to others;
/// root's must let PostgreSQL's account through.
pub(super) fn create_folder(path: &Path) -> Result<PathBuf, LocalServerError> {
    if !path.exists() {
        let mode = if id("-u", None) == Some(0) { 0o755 } else { 0o700 };
        fs::create_dir_all(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
            .map_err(LocalServerError::io(path))?;
    }
    path.canonicalize().map_err(LocalServerError::io(path))
}

/// What `id` says of a user, or of ourselves.
fn id(flag: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(flag).args(user).stdin(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
