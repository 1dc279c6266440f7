//! Shadow copies, made by Windows' own service through WMI: the class `Win32_ShadowCopy`
//! (<https://learn.microsoft.com/windows/win32/vsswmi/win32-shadowcopy>).

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use wmi::WMIConnection;

use crate::shadow::{ShadowCopies, ShadowCopy};

/// The machine's shadow copies. Only an administrator may make one.
#[derive(Debug)]
pub struct VolumeShadowCopies;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateArguments<'a> {
    volume: &'a str,
    context: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    return_value: u32,
    #[serde(rename = "ShadowID")]
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "Win32_ShadowCopy", rename_all = "PascalCase")]
struct Shadow {
    device_object: String,
}

impl ShadowCopies for VolumeShadowCopies {
    fn create(&self, volume: &str) -> Result<ShadowCopy> {
        let service = WMIConnection::new().context("Windows Management Instrumentation does not answer")?;
        let arguments = CreateArguments { volume, context: "ClientAccessible" };
        let created: Created = service.exec_class_method::<Shadow, _>("Create", arguments)?;
        let Some(id) = created.id.filter(|id| created.return_value == 0 && is_id(id)) else {
            bail!("{}", reason(created.return_value));
        };
        match device(&service, &id) {
            Ok(device) => Ok(ShadowCopy { id, device }),
            Err(error) => {
                delete(&id).with_context(|| format!("the shadow copy {id} is left"))?;
                Err(error)
            }
        }
    }

    fn delete(&self, copy: &ShadowCopy) -> Result<()> {
        delete(&copy.id)
    }
}

/// The device of a shadow copy.
fn device(service: &WMIConnection, id: &str) -> Result<String> {
    let query = format!("SELECT DeviceObject FROM Win32_ShadowCopy WHERE ID = '{id}'");
    let found: Vec<Shadow> = service.raw_query(query)?;
    Ok(found.into_iter().next().context("the shadow copy is missing")?.device_object)
}

fn delete(id: &str) -> Result<()> {
    let shadow = format!("/Shadow={id}");
    let ran = Command::new("vssadmin").args(["delete", "shadows", &shadow, "/Quiet"]).output()?;
    if !ran.status.success() {
        bail!("vssadmin ended with {}", ran.status);
    }
    Ok(())
}

/// Whether the text is the id of a shadow copy. Checked because it becomes part of a query.
fn is_id(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_hexdigit() || b"{}-".contains(&byte))
}

/// The meaning of the code that `Create` returns if it has made no copy.
fn reason(code: u32) -> String {
    match code {
        1 => "access is denied: start yester as administrator".to_owned(),
        3 => "there is no such volume".to_owned(),
        4 => "the volume's file system has no shadow copies".to_owned(),
        6 => "there is not enough space: free some, or reserve more with `vssadmin resize shadowstorage`"
            .to_owned(),
        7 => "the volume is in use".to_owned(),
        8 => "it has the maximum number of shadow copies".to_owned(),
        9 => "another one is being made: try again".to_owned(),
        10 => "a program that writes to the volume refuses: try again".to_owned(),
        other => format!("Windows answers {other}"),
    }
}
