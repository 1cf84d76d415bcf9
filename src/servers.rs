//! API servers that commands talk to: somebody's, by kubeconfig, or one of ours that ends with the command.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A client of the server that a kubeconfig names.
pub async fn client(path: &Path) -> anyhow::Result<Client> {
    let name = path.display();
    let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("reading {name}"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("reading {name}"))?;
    Ok(Client::try_from(config)?)
}

/// A server of ours as the recorded ones are, without controllers and nodes, in a process of its own.
pub struct Served {
    process: Child,
    kubeconfig: PathBuf,
}

impl Served {
    /// `folder`: where its kubeconfig goes. `flags`: more of `drydock serve`.
    pub async fn start(folder: &str, flags: &[&str]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let kubeconfig = Path::new(folder).join("kubeconfig");
        let _old = std::fs::remove_file(&kubeconfig);
        let process = Command::new(std::env::current_exe()?)
            .args(["serve", "--like-recorded", "--no-operator", "--port", "0"])
            .args(flags)
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let served = Self { process, kubeconfig };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !served.kubeconfig.exists() {
            anyhow::ensure!(Instant::now() < deadline, "our own server did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The file is there before the first request is taken.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(served)
    }

    pub async fn client(&self) -> anyhow::Result<Client> {
        client(&self.kubeconfig).await
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}
