// SPDX-License-Identifier: MIT
//! The Rust binding opens, reads, accepts, times out and cancels.

use core::ptr::null_mut;
use rota::*;
use std::ffi::CString;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::io::AsRawFd;

const ECANCELED: i32 = 125;
const ENOENT: i32 = 2;
const ETIME: i32 = 62;

struct Ring(Box<rota_ring>);

impl Ring {
    fn new(entries: u32) -> Result<Ring, i32> {
        let mut ring = Box::new(rota_ring::ZERO);
        let size = core::mem::size_of::<rota_ring>();
        match unsafe { rota_init_sized(&mut *ring, size, entries, core::ptr::null()) } {
            0 => Ok(Ring(ring)),
            error => Err(error),
        }
    }

    fn get(&mut self) -> *mut rota_ring {
        &mut *self.0
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unsafe { rota_queue_exit(self.get()) }
    }
}

fn layouts(_: &mut Ring) {
    assert_eq!(core::mem::size_of::<io_uring_sqe>(), 64);
    assert_eq!(core::mem::size_of::<io_uring_cqe>(), 16);
    assert_eq!(core::mem::align_of::<rota_op>(), 8);
    assert_eq!(O_DIRECTORY | O_CREAT, {
        let arm = cfg!(any(target_arch = "aarch64", target_arch = "arm", target_arch = "powerpc64"));
        if arm { 0o40100 } else { 0o200100 }
    });
}

fn opens_and_reads(ring: &mut Ring) {
    let path = std::env::temp_dir().join(format!("rota-rust-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(b"what is read").unwrap();
    let name = CString::new(path.to_str().unwrap()).unwrap();
    unsafe {
        let fd = rota_call_open(ring.get(), name.as_ptr(), O_CLOEXEC as i32, 0);
        assert!(fd >= 0, "{}", fd);
        let mut buffer = [0u8; 32];
        assert_eq!(rota_call_read(ring.get(), fd, buffer.as_mut_ptr().cast(), 32, 5), 7);
        assert_eq!(&buffer[..7], b"is read");
        assert_eq!(rota_call_close(ring.get(), fd), 0);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(rota_call_open(ring.get(), name.as_ptr(), 0, 0), -ENOENT);
    }
}

fn accepts(ring: &mut Ring) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut op = rota_op::ZERO;
    let ret = unsafe {
        rota_start_accept(ring.get(), &mut op, server.as_raw_fd(), null_mut(), null_mut(), SOCK_CLOEXEC as i32)
    };
    assert_eq!(ret, 0);
    let mut client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let fd = unsafe { rota_await(ring.get(), &mut op) };
    assert!(fd >= 0 && op.res() == fd, "{}", fd);
    client.write_all(b"hello").unwrap();
    let mut buffer = [0u8; 16];
    unsafe {
        assert_eq!(rota_call_recv(ring.get(), fd, buffer.as_mut_ptr().cast(), 16, 0), 5);
        assert_eq!(rota_call_close(ring.get(), fd), 0);
    }
    assert_eq!(&buffer[..5], b"hello");
}

fn pipe(ring: &mut Ring) -> [i32; 2] {
    let mut fds = [0; 2];
    assert_eq!(unsafe { rota_call_pipe(ring.get(), fds.as_mut_ptr(), 0) }, 0);
    fds
}

fn end(ring: &mut Ring, fds: [i32; 2]) {
    for fd in fds {
        assert_eq!(unsafe { rota_call_close(ring.get(), fd) }, 0);
    }
}

fn times_out(ring: &mut Ring) {
    let fds = pipe(ring);
    let mut op = rota_op::ZERO;
    let mut buffer = [0u8; 8];
    unsafe {
        rota_op_deadline(&mut op, 10_000_000);
        assert_eq!(rota_start_read(ring.get(), &mut op, fds[0], buffer.as_mut_ptr().cast(), 8, 0), 0);
        assert_eq!(rota_await(ring.get(), &mut op), -ETIME);
    }
    end(ring, fds);
}

fn cancels(ring: &mut Ring) {
    let fds = pipe(ring);
    let mut op = rota_op::ZERO;
    let mut buffer = [0u8; 8];
    unsafe {
        assert_eq!(rota_start_read(ring.get(), &mut op, fds[0], buffer.as_mut_ptr().cast(), 8, 0), 0);
        assert_eq!(rota_submit(ring.get()), 1);
        assert!(rota_op_active(&op));
        assert_eq!(rota_op_cancel(ring.get(), &mut op), -ECANCELED);
        assert!(!rota_op_active(&op));
    }
    end(ring, fds);
}

extern "C" fn count(_: *mut rota_ring, op: *mut rota_op) {
    let found = unsafe { (*op).data() } as *mut i32;
    unsafe { *found += 1 + (*op).res() }
}

fn calls_back(ring: &mut Ring) {
    let mut found = 0i32;
    let mut op = rota_op::ZERO;
    op.set_data(&mut found as *mut i32 as *mut c_void);
    unsafe {
        rota_op_on_result(&mut op, Some(count));
        assert_eq!(rota_start_nop(ring.get(), &mut op), 0);
        assert_eq!(rota_run(ring.get()), 0);
    }
    assert_eq!(found, 1);
}

fn main() {
    let mut ring = match Ring::new(16) {
        Ok(ring) => ring,
        Err(error) => {
            println!("1..0 # SKIP no ring: {}", error);
            std::process::exit(77);
        }
    };
    let cases: [(&str, fn(&mut Ring)); 6] = [
        ("layouts", layouts),
        ("opens and reads", opens_and_reads),
        ("accepts", accepts),
        ("times out", times_out),
        ("cancels", cancels),
        ("calls back", calls_back),
    ];
    println!("1..{}", cases.len());
    for (number, (name, case)) in cases.iter().enumerate() {
        case(&mut ring);
        println!("ok {} - {}", number + 1, name);
    }
}
