// SPDX-License-Identifier: MIT
// Put and get from Rust, by the declarations that bindgen makes of the C header: rust.sh has the two commands.
use std::ptr::{null, null_mut};

#[allow(non_camel_case_types, non_upper_case_globals, dead_code)]
mod c {
    include!(env!("RINGQ_RS")); // the file that bindgen wrote
}

const FOREVER: i64 = -1; // RINGQ_FOREVER: a macro with a cast, which bindgen leaves out

/// A handle may be used by any number of threads at once.
struct Queue(*mut c::ringq_queue);
unsafe impl Send for Queue {}
unsafe impl Sync for Queue {}

impl Queue {
    fn new() -> Queue {
        let mut queue = null_mut();
        assert_eq!(unsafe { c::ringq_queue_create(&mut queue, null_mut(), null()) }, 0);
        Queue(queue)
    }

    fn put(&self, record: &[u8]) {
        assert_eq!(unsafe { c::ringq_put(self.0, record.as_ptr().cast(), record.len() as _, FOREVER) }, 0);
    }

    /// None: closed, and all taken.
    fn get<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let n = unsafe { c::ringq_get(self.0, buffer.as_mut_ptr().cast(), buffer.len() as _, FOREVER) };
        if n < 0 { None } else { Some(&buffer[..n as usize]) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        unsafe { c::ringq_queue_release(self.0) }
    }
}

fn main() {
    let queue = Queue::new();
    let mut buffer = [0; 64];
    let mut got = Vec::new();

    std::thread::scope(|scope| {
        scope.spawn(|| {
            for word in ["one", "two", "three"] {
                queue.put(word.as_bytes());
            }
            unsafe { c::ringq_close(queue.0) };
        });
        while let Some(record) = queue.get(&mut buffer) {
            got.push(String::from_utf8_lossy(record).into_owned());
        }
    });
    assert_eq!(got, ["one", "two", "three"]);
    println!("got {}", got.join(", "));
}
