//! A measured server: a child process that ends with this one, and what the
//! operating system says about it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long the idle child is watched, to know what it costs to do nothing.
const IDLE: Duration = Duration::from_millis(300);

/// How long a child may take to end before it is killed.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running server. It ends when its standard input closes, so that it does not
/// outlive a killed parent; dropping it closes that, waits, and kills it then.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// CPU seconds per second of doing nothing.
    idle: f64,
}

impl Server {
    /// Starts this program again with `arguments` and waits for its address. `under`
    /// is the command, if any, that runs the program.
    pub(crate) fn start(under: Option<&str>, arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program is not known")?;
        let mut words = under.unwrap_or_default().split_whitespace();
        let mut command = match words.next() {
            Some(runner) => {
                let mut command = Command::new(runner);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a server did not start")?;
        let stdout = child.stdout.take().context("a server has no output")?;
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let address = read.ok().and_then(|_| line.trim().parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            anyhow::bail!(
                "`bench {}` did not say where it listens",
                arguments.join(" ")
            );
        };
        let mut server = Self {
            child,
            address,
            idle: 0.0,
        };
        let (before, began) = (server.cpu()?, Instant::now());
        std::thread::sleep(IDLE);
        let spent = server.cpu()?.saturating_sub(before);
        server.idle = spent.as_secs_f64() / began.elapsed().as_secs_f64();
        Ok(server)
    }

    /// CPU time of all threads since the start. It is exact while the child is idle.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanoseconds = 0;
        for task in fs::read_dir(&tasks).context("a server ended early")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let spent = text.split(' ').next().and_then(|spent| spent.parse().ok());
            nanoseconds += spent.unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// What of `spent` in `elapsed` was not idling.
    pub(crate) fn busy(&self, spent: Duration, elapsed: Duration) -> Duration {
        spent.saturating_sub(elapsed.mul_f64(self.idle))
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next());
        size.and_then(|size| size.parse().ok())
            .context("the memory of a server is not known")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let told = Instant::now();
        while told.elapsed() < FAREWELL && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(2));
        }
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of this thread. The reading lags by up to one tick of the scheduler.
pub(crate) fn own_cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = text.split(' ').next().and_then(|spent| spent.parse().ok());
    Ok(Duration::from_nanos(
        spent.context("schedstat has no figure")?,
    ))
}
