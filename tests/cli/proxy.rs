//! A way to a server on which answers can be lost.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::process::free;

/// Starts one to this server; where it is. On the first connection nothing comes back.
pub fn losing_the_first_answers(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(free()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (n, client) in listener.incoming().map_while(Result::ok).enumerate() {
            // Where the server is gone, so is the client's connection.
            if let Ok(server) = TcpStream::connect(server) {
                join(client, server, n > 0);
            }
        }
    });
    address
}

fn join(client: TcpStream, server: TcpStream, is_answered: bool) {
    let (mut requests, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        // Either end may close: the other is told.
        let _ = io::copy(&mut requests, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut answers, mut to) = (server, client);
    thread::spawn(move || {
        let _ = match is_answered {
            true => io::copy(&mut answers, &mut to),
            false => io::copy(&mut answers, &mut io::sink()),
        };
        let _ = to.shutdown(Shutdown::Both);
    });
}
