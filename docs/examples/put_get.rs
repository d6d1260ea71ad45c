// SPDX-License-Identifier: MIT
// Put and get from Rust, by the C calls: rustc put_get.rs -l ringq
use std::os::raw::{c_int, c_void};
use std::ptr::{null, null_mut};

const FOREVER: i64 = -1; // RINGQ_FOREVER

extern "C" {
    fn ringq_queue_create(out: *mut *mut c_void, region: *mut c_void, options: *const c_void) -> c_int;
    fn ringq_put(queue: *mut c_void, data: *const u8, len: usize, timeout: i64) -> c_int;
    fn ringq_get(queue: *mut c_void, buf: *mut u8, size: usize, timeout: i64) -> isize;
    fn ringq_close(queue: *mut c_void) -> c_int;
    fn ringq_queue_release(queue: *mut c_void);
}

/// A handle may be used by any number of threads at once.
struct Queue(*mut c_void);
unsafe impl Send for Queue {}
unsafe impl Sync for Queue {}

impl Queue {
    fn new() -> Queue {
        let mut queue = null_mut();
        assert_eq!(unsafe { ringq_queue_create(&mut queue, null_mut(), null()) }, 0);
        Queue(queue)
    }

    fn put(&self, record: &[u8]) {
        assert_eq!(unsafe { ringq_put(self.0, record.as_ptr(), record.len(), FOREVER) }, 0);
    }

    /// None: closed, and all taken.
    fn get<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let n = unsafe { ringq_get(self.0, buffer.as_mut_ptr(), buffer.len(), FOREVER) };
        if n < 0 { None } else { Some(&buffer[..n as usize]) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        unsafe { ringq_queue_release(self.0) }
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
            unsafe { ringq_close(queue.0) };
        });
        while let Some(record) = queue.get(&mut buffer) {
            got.push(String::from_utf8_lossy(record).into_owned());
        }
    });
    assert_eq!(got, ["one", "two", "three"]);
    println!("got {}", got.join(", "));
}
