// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The simplest policy: the boot CPU runs tasks in turn, the others idle.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use framework::cpu::CpuId;
use framework::sync::SpinLock;
use framework::task::{self, Enqueue, Placement, Scheduler, Task};

/// Tasks that can be queued before the queue has to grow.
const ROOM: usize = 64;

struct InTurn(SpinLock<VecDeque<Arc<Task>>>);

impl Scheduler for InTurn {
    fn enqueue(&self, task: Arc<Task>, _: Enqueue) -> Placement {
        self.0.lock().push_back(task);
        Placement { cpu: CpuId::BOOT, preempt: true }
    }

    fn pick_next(&self, cpu: CpuId, prev: Option<Arc<Task>>) -> Option<Arc<Task>> {
        if cpu != CpuId::BOOT {
            return prev;
        }
        let mut queue = self.0.lock();
        queue.extend(prev);
        queue.pop_front()
    }

    fn tick(&self, _: CpuId, _: &Task) -> bool {
        true
    }
}

pub(crate) fn init() {
    task::set_scheduler(Box::new(InTurn(SpinLock::new(VecDeque::with_capacity(ROOM)))));
}
