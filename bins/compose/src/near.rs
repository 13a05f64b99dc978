//! Where the stages are: beside this executable.

use common::chain::Neighbours;
use common::opts::chain::Neighbourhood;
use common::plan::Stage;
use common::report::Outcome;
use common::sys;
use core::cell::RefCell;
use core::ffi::CStr;

/// The directory that this executable is in.
pub struct Near(RefCell<Neighbours>);

impl Near {
    /// Asks the kernel.
    pub fn find() -> Outcome<Near> {
        Neighbours::find().map(RefCell::new).map(Near)
    }
}

impl Neighbourhood for Near {
    /// The same file, not the same path: whoever installs a link to a stage means that stage.
    fn stage_at(&self, path: &CStr) -> Option<Stage> {
        let there = sys::stat(sys::CWD, path).ok()?;
        let mut own = self.0.try_borrow_mut().ok()?;
        Stage::ALL.into_iter().filter(|stage| *stage != Stage::Command).find(|stage| {
            let here = own.path(stage.name()).and_then(|path| sys::stat(sys::CWD, path).ok());
            here.is_some_and(|here| (here.dev, here.ino) == (there.dev, there.ino))
        })
    }

    fn path_of(&self, stage: Stage) -> Option<&'static CStr> {
        let mut own = self.0.try_borrow_mut().ok()?;
        let path = own.path(stage.name())?.to_bytes_with_nul();
        // For the rest of this process, which is a few steps more.
        let room = sys::Mapping::new(path.len()).ok()?.leak();
        sys::copy(room.get_mut(..path.len())?, path);
        CStr::from_bytes_until_nul(room).ok()
    }
}
