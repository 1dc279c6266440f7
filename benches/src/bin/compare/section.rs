//! A section of the report: one data set, or the growth, in all its rounds.

use anyhow::{Context, Result};

use crate::args::Part;
use crate::data::{self, DataSet, Place, Reading};
use crate::imports::{self, Entrant};
use crate::lab::{Lab, remove};
use crate::reading::Places;
use crate::results::{Section, Unit};
use crate::tools::{Ext4, Floor, Image, Shown, Squashfs, SquashfuseLl};
use crate::{growth, machine, reading, tools};

/// Runs a part of the comparison; `None` if only its data set was to be made.
pub fn measure(lab: &Lab, part: Part, rounds: Option<usize>) -> Result<Option<Section>> {
    let (found, absent) = tools::find(lab);
    let mut section = Section {
        name: part.name().to_owned(),
        about: "The same at 1, 4 and 16 times the size, with the exponent k of the best fit c·xᵏ.".to_owned(),
        date: jiff::Zoned::now().date().to_string(),
        machine: machine::describe(lab),
        versions: found.into_iter().map(|found| (found.name.to_owned(), found.version)).collect(),
        rounds: rounds.unwrap_or(default_rounds(lab, part)),
        quick: lab.quick,
        cold: lab.cold,
        measures: Vec::new(),
        notes: absent,
        growth: Vec::new(),
    };
    if lab.quick {
        section.note("A quick run drops no caches: cold means a fresh mount alone.".into());
    } else if !lab.cold {
        section.note(
            "The page cache could not be dropped (only root may): cold means a fresh mount alone.".into(),
        );
    }
    // Checked before the data set is made, because that is work too.
    machine::busy().into_iter().for_each(|note| section.note(note));
    let data = match data::prepare(lab, part) {
        Ok(data) => data,
        // Without a network only this data set is missing.
        Err(error) if part == Part::History => {
            lab.runner.check()?;
            section.note(format!("left out: {error:#}"));
            return Ok(Some(section));
        }
        Err(error) => return Err(error).with_context(|| format!("{}: making the data set", part.name())),
    };
    if section.rounds == 0 {
        return Ok(None);
    }
    for round in 0..section.rounds {
        lab.note(&format!("{}: round {} of {}", section.name, round + 1, section.rounds));
        match &data {
            Some(data) => run_round(lab, &**data, round, &mut section)?,
            None => growth::run(lab, &mut section)?,
        }
    }
    if let Some(data) = data {
        section.about = data.about();
    }
    Ok(Some(section))
}

fn default_rounds(lab: &Lab, part: Part) -> usize {
    match part {
        _ if lab.quick => 1,
        Part::History | Part::Usr => 3,
        Part::Image => 2,
        Part::Million | Part::Growth => 1,
    }
}

fn run_round(lab: &Lab, data: &dyn DataSet, round: usize, section: &mut Section) -> Result<()> {
    let mut entrants = imports::enter(lab, section)?;
    imports::run(lab, data, round, &mut entrants, section)?;
    entrants.retain(Entrant::is_sound);
    let image = squash(lab, data, section)?;
    let fs = Ext4::of(data)?;
    let wanted = |name: &str| section.versions.iter().any(|(known, _)| known == name);
    let kernel = image.clone().filter(|_| rustix::process::geteuid().is_root()).map(Squashfs);
    let fuse = image.clone().filter(|_| wanted(tools::SQUASHFUSE)).map(SquashfuseLl);
    let mut shown: Vec<&dyn Shown> = entrants.iter().filter_map(|entrant| entrant.keeper.reader()).collect();
    shown.extend(kernel.as_ref().map(|shown| shown as &dyn Shown));
    shown.extend(fuse.as_ref().map(|shown| shown as &dyn Shown));
    // A large file may not fit into memory, and FUSE costs little there.
    let floor = (lab.wanted(tools::FLOOR) && data.reading() != Reading::LargeFile).then(|| Floor::of(data));
    let floor = floor.transpose()?;
    shown.extend(floor.as_ref().map(|shown| shown as &dyn Shown));
    shown.push(&fs);
    let places = Places::choose(fs.last()?)?;
    reading::run(lab, data.reading(), round, &shown, &places, section)?;
    if data.reading() != Reading::Names {
        for entrant in &entrants {
            reading::restore(lab, &*entrant.keeper, section)?;
        }
    }
    // Millions of files would slow the next round and the next part.
    for entrant in &entrants {
        remove(entrant.keeper.repository())?;
    }
    Ok(())
}

/// One squashfs image of all generations, if they lie side by side.
fn squash(lab: &Lab, data: &dyn DataSet, section: &mut Section) -> Result<Option<Image>> {
    let Place::Beside(all) = data.place() else { return Ok(None) };
    let name = tools::SQUASHFS;
    if !section.versions.iter().any(|(known, _)| known == name) {
        return Ok(None);
    }
    let generations =
        (0..data.generations()).map(|number| data.generation(number)).collect::<Result<Vec<_>>>()?;
    lab.say(format!("{}: mksquashfs", section.name));
    lab.settle();
    let file = lab.folder("squashfs")?.join("image");
    match Image::make(lab, all, &generations, file) {
        Ok((image, usage)) => {
            section.add("all imports", Unit::Seconds, name, usage.wall);
            section.add("all imports: processor time", Unit::Seconds, name, usage.cpu);
            section.add("all imports: peak memory", Unit::Bytes, name, usage.peak);
            section.add("size after all", Unit::Bytes, name, imports::size_of(image.file()));
            Ok(Some(image))
        }
        Err(error) => {
            imports::failure(section, name, error)?;
            Ok(None)
        }
    }
}
