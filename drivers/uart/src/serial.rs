// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine's serial ports as consoles.

use alloc::sync::Arc;
use alloc::vec::Vec;

use class::{Console, Receiver};
use framework::host::{PortError, PortRange, Untrusted};
use framework::irq::{self, IrqHandler};

use crate::port::{Ports, Uart};
use crate::wire::Register;

/// The ports of PCs: name, first I/O port, interrupt line.
const PORTS: [(&str, u16, u8); 2] = [("ttyS0", 0x3f8, 4), ("ttyS1", 0x2f8, 3)];

impl Ports for PortRange {
    fn read(&self, register: Register) -> Untrusted<u8> {
        self.read_u8(register as u16)
    }

    fn write(&self, register: Register, value: u8) {
        self.write_u8(register as u16, value);
    }
}

/// A serial port of the machine.
pub struct SerialPort {
    name: &'static str,
    uart: Uart<PortRange>,
}

/// The serial ports that answer, in order; those without an interrupt only send.
pub fn probe() -> Vec<Arc<SerialPort>> {
    PORTS.iter().filter_map(|(name, first, line)| attach(name, *first, *line)).collect()
}

fn attach(name: &'static str, first: u16, line: u8) -> Option<Arc<SerialPort>> {
    let ports = match PortRange::claim(first, "uart") {
        Ok(ports) => ports,
        Err(PortError::NotNamed) => return None,
        Err(why) => {
            log::warn!("{name}: {why:?}");
            return None;
        }
    };
    let port = Arc::new(SerialPort { name, uart: Uart::probe(ports)? });
    if let Err(why) = irq::register(line, port.clone()) {
        log::warn!("{name}: no interrupt: {why:?}");
    }
    log::info!("{name} at I/O {first:#x} (irq = {line}) is a 16550A");
    Some(port)
}

impl Console for SerialPort {
    fn name(&self) -> &str {
        self.name
    }

    fn write(&self, bytes: &[u8]) {
        self.uart.send(bytes);
    }

    fn set_receiver(&self, receiver: Arc<dyn Receiver>) {
        self.uart.set_receiver(receiver);
    }

    fn resume(&self) {
        self.uart.resume();
    }
}

impl IrqHandler for SerialPort {
    fn handle(&self) {
        self.uart.receive();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_answers_on_the_build_machine() {
        assert!(super::probe().is_empty());
    }
}
