//! Tests of the store.
#[cfg(test)]
mod broken_backend;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod sqlite_damage;
#[cfg(test)]
mod sqlite_files;
#[cfg(test)]
mod sqlite_limits;
#[cfg(test)]
mod sqlite_secrets;
#[cfg(test)]
mod sqlite_sharing;
#[cfg(test)]
mod storage_schema;
