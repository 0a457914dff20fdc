// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules of the tree, without any process.

use alloc::vec::Vec;

use super::*;

fn p(number: i32) -> Pid {
    Pid::from_raw(number)
}

fn g(number: i32) -> Pgid {
    Pgid::from_raw(number)
}

fn t(number: i32) -> Tid {
    Tid::from_raw(number)
}

fn members(tree: &Tree<()>, group: Pgid) -> Vec<Pid> {
    tree.members.range((group, 0)..=(group, u64::MAX)).map(|(_, pid)| *pid).collect()
}

fn children(tree: &Tree<()>, parent: Pid) -> Vec<Pid> {
    tree.children.range((parent, 0)..=(parent, u64::MAX)).map(|(_, pid)| *pid).collect()
}

/// All children; the groups that are orphaned by that.
fn reparent(tree: &mut Tree<()>, pid: Pid, reaper: Pid) -> (Vec<Pid>, Vec<Pgid>) {
    let (mut moved, mut orphaned) = (Vec::new(), Vec::new());
    while let Some(orphan) = tree.reparent_child(pid, reaper) {
        moved.push(orphan.child);
        orphaned.extend(orphan.orphaned);
    }
    (moved, orphaned)
}

/// setsid with all that it owes.
fn set_session(tree: &mut Tree<()>, pid: Pid) -> Result<()> {
    tree.set_session(pid)?;
    let mut next = Some(g(i32::MIN));
    while let Some(first) = next {
        next = tree.leave_groups(pid, first);
    }
    Ok(())
}

/// What the counts of links must say.
fn is_orphaned_by_definition(tree: &Tree<()>, group: Pgid) -> bool {
    !tree.nodes.values().filter(|node| node.group == group && node.is_linked).any(|node| {
        let parent = tree.get(node.parent);
        node.parent != Pid::INIT
            && parent.is_some_and(|p| p.group != group && p.session == node.session)
    })
}

/// 1 is init; 2 a shell leading a session; 3 and 4 its children.
fn family() -> Tree<()> {
    let mut tree = Tree::new();
    tree.insert(p(1), p(0), None, ()).unwrap();
    tree.insert(p(2), p(1), Some(p(1)), ()).unwrap();
    set_session(&mut tree, p(2)).unwrap();
    tree.insert(p(3), p(2), Some(p(2)), ()).unwrap();
    tree.insert(p(4), p(2), Some(p(2)), ()).unwrap();
    tree
}

#[test]
fn groups_are_made_and_left() {
    let mut tree = family();
    tree.set_group(p(2), p(3), g(3)).unwrap();
    tree.set_group(p(4), p(4), g(3)).unwrap();
    assert_eq!(members(&tree, g(3)), [p(3), p(4)]);
    assert_eq!(members(&tree, g(2)), [p(2)]);
    // No such group; another session's group; the leader; not a child.
    assert_eq!(tree.set_group(p(2), p(3), g(99)), err!(EPERM, "no such group in this session"));
    assert_eq!(tree.set_group(p(2), p(3), g(1)).unwrap_err().errno(), abi::Errno::EPERM);
    assert_eq!(tree.set_group(p(2), p(2), g(3)).unwrap_err().errno(), abi::Errno::EPERM);
    assert_eq!(tree.set_group(p(3), p(4), g(4)).unwrap_err().errno(), abi::Errno::ESRCH);
    tree.get_mut(p(3)).unwrap().has_execed = true;
    assert_eq!(tree.set_group(p(2), p(3), g(2)).unwrap_err().errno(), abi::Errno::EACCES);
    tree.set_group(p(3), p(3), g(2)).unwrap();
}

#[test]
fn sessions() {
    let mut tree = family();
    assert!(set_session(&mut tree, p(2)).is_err());
    set_session(&mut tree, p(3)).unwrap();
    assert_eq!(tree.get(p(3)).unwrap().session, p(3).own_session());
    assert_eq!(tree.get(p(3)).unwrap().group, g(3));
    assert_eq!(tree.set_group(p(2), p(3), g(2)).unwrap_err().errno(), abi::Errno::EPERM);
}

#[test]
fn numbers_stay_used_while_they_name_a_group() {
    let mut tree = family();
    tree.set_group(p(2), p(3), g(3)).unwrap();
    tree.set_group(p(2), p(4), g(3)).unwrap();
    tree.remove(p(3));
    tree.pids.start_again();
    for expected in [5, 6] {
        assert_eq!(tree.allocate(), Some(t(expected)));
    }
    tree.remove(p(4));
    tree.pids.start_again();
    assert_eq!(tree.allocate(), Some(t(3)));
    assert_eq!(children(&tree, p(2)), []);
}

#[test]
fn orphans_go_to_the_subreaper_or_init() {
    let mut tree = family();
    tree.insert(p(5), p(3), Some(p(3)), ()).unwrap();
    tree.insert(p(6), p(5), Some(p(5)), ()).unwrap();
    assert_eq!(tree.reaper_above(p(5), 9), Ok(Pid::INIT));
    tree.get_mut(p(3)).unwrap().is_subreaper = true;
    assert_eq!(tree.reaper_above(p(5), 9), Ok(p(3)));
    assert_eq!(reparent(&mut tree, p(5), p(3)).0, [p(6)]);
    assert_eq!(tree.get(p(6)).unwrap().parent, p(3));
    assert_eq!(children(&tree, p(3)), [p(5), p(6)]);
    tree.get_mut(p(3)).unwrap().is_zombie = true;
    assert_eq!(tree.reaper_above(p(6), 9), Ok(Pid::INIT));
}

#[test]
fn a_long_way_up_is_gone_in_steps() {
    let mut tree = family();
    for n in 5..20 {
        tree.insert(p(n), p(n - 1), Some(p(2)), ()).unwrap();
    }
    tree.get_mut(p(2)).unwrap().is_subreaper = true;
    assert_eq!(tree.reaper_above(p(19), 4), Err(p(15)));
    assert_eq!(tree.reaper_above(p(15), 100), Ok(p(2)));
    // Who has gone meanwhile leads to the first process.
    assert_eq!(tree.reaper_above(p(99), 4), Ok(Pid::INIT));
}

#[test]
fn orphaned_groups() {
    let mut tree = family();
    tree.set_group(p(2), p(3), g(3)).unwrap();
    assert!(!tree.is_orphaned(g(3)));
    assert!(tree.is_orphaned(g(2)));
    tree.set_group(p(2), p(4), g(3)).unwrap();
    // Only the last one that connects the group orphans it.
    assert_eq!(tree.begin_end(p(3)), None);
    assert_eq!(tree.begin_end(p(4)), Some(g(3)));
    assert!(tree.is_orphaned(g(3)));
}

#[test]
fn a_group_is_orphaned_with_its_last_child() {
    let mut tree = family();
    tree.set_group(p(2), p(3), g(3)).unwrap();
    tree.set_group(p(2), p(4), g(3)).unwrap();
    assert_eq!(reparent(&mut tree, p(2), Pid::INIT), ([p(3), p(4)].into(), [g(3)].into()));
    assert!(tree.is_orphaned(g(3)));
}

#[test]
fn groups_are_left_a_few_at_a_time() {
    let mut tree = family();
    let (parent, many) = (p(3), GROUPS as i32 + 5);
    for n in 0..many {
        let child = p(100 + n);
        tree.insert(child, parent, Some(parent), ()).unwrap();
        tree.set_group(parent, child, child.own_group()).unwrap();
    }
    tree.set_session(parent).unwrap();
    let next = tree.leave_groups(parent, g(i32::MIN));
    assert_eq!(next, Some(g(100 + GROUPS as i32)));
    assert!(tree.is_orphaned(g(100)) && !tree.is_orphaned(g(100 + many - 1)));
    assert_eq!(tree.leave_groups(parent, g(100 + GROUPS as i32)), None);
    assert!((0..many).all(|n| tree.is_orphaned(g(100 + n))));
}

/// However many children of the first process end in a group, none of them is a reason to
/// look through it.
#[test]
fn the_end_of_a_child_of_init_orphans_no_group() {
    let mut tree = Tree::new();
    tree.insert(p(1), p(0), None, ()).unwrap();
    for (pid, parent) in [(p(2), p(1)), (p(3), p(2)), (p(4), p(2))] {
        tree.insert(pid, parent, Some(parent), ()).unwrap();
    }
    tree.set_group(p(2), p(3), g(3)).unwrap();
    tree.set_group(p(2), p(4), g(3)).unwrap();
    assert_eq!(reparent(&mut tree, p(2), Pid::INIT).1, [g(3)]);
    assert_eq!(tree.get(p(3)).map(|node| node.session), tree.get(Pid::INIT).map(|n| n.session));
    assert_eq!((tree.begin_end(p(3)), tree.begin_end(p(4))), (None, None));
}

#[test]
fn ends_are_found_behind_other_news() {
    let mut tree = family();
    tree.set_news(p(3), true);
    assert!(tree.next_ended(p(2), 0).is_none());
    tree.set_news(p(4), true);
    assert_eq!(tree.set_zombie(p(4)), Some(p(2)));
    let found = |tree: &Tree<()>, parent| tree.next_ended(parent, 0).map(|(_, node)| node.group);
    assert_eq!(found(&tree, p(2)), tree.get(p(4)).map(|node| node.group));
    let place = tree.next_ended(p(2), 0).map(|(place, _)| place).unwrap();
    assert!(tree.next_ended(p(2), place).is_none());
    reparent(&mut tree, p(2), Pid::INIT);
    assert!(found(&tree, p(2)).is_none() && found(&tree, Pid::INIT).is_some());
    tree.remove(p(4));
    assert!(found(&tree, Pid::INIT).is_none());
    assert!(tree.next_news(Pid::INIT, 0).is_some());
}

#[test]
fn news_go_with_the_child() {
    let mut tree = family();
    tree.set_news(p(4), true);
    assert_eq!(tree.next_news(p(2), 0).map(|(_, node)| node.parent), Some(p(2)));
    reparent(&mut tree, p(2), Pid::INIT);
    assert!(tree.next_news(p(2), 0).is_none());
    let place = tree.next_news(Pid::INIT, 0).map(|(place, _)| place).unwrap();
    assert!(tree.next_news(Pid::INIT, place).is_none());
    tree.remove(p(4));
    assert!(tree.next_news(Pid::INIT, 0).is_none());
}

#[test]
fn links_stay_counted_through_any_changes() {
    let mut seed = 7_u64;
    let mut dice = |sides: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((seed >> 33) % sides) as i32
    };
    let mut tree = family();
    for _ in 0..5000 {
        let (one, other) = (p(2 + dice(12)), p(1 + dice(13)));
        match dice(8) {
            0 | 1 if tree.get(one).is_none() && tree.get(other).is_some_and(|n| !n.is_zombie) => {
                tree.insert(one, other, Some(other), ()).unwrap();
            }
            2 | 3 => drop(tree.set_group(other, one, g(2 + dice(12)))),
            4 => drop(tree.set_group(one, one, one.own_group())),
            5 => drop(set_session(&mut tree, one)),
            6 => drop(tree.begin_end(one)),
            7 => {
                reparent(&mut tree, one, other);
                tree.begin_end(one);
                if let Some(node) = tree.get_mut(one) {
                    node.is_zombie = true;
                }
                if children(&tree, one).is_empty() {
                    tree.remove(one);
                }
            }
            _ => {}
        }
        for group in (1..14).map(g) {
            assert_eq!(tree.is_orphaned(group), is_orphaned_by_definition(&tree, group));
        }
        for pid in (1..14).map(p) {
            let has_some = tree.get(pid).is_some() && !children(&tree, pid).is_empty();
            assert_eq!(tree.has_children(pid), has_some);
        }
    }
}

#[test]
fn threads_use_numbers() {
    let mut tree = family();
    tree.insert_thread(t(5), p(4));
    assert_eq!(tree.process_of_thread(t(5)), Some(p(4)));
    assert_eq!(tree.process_of_thread(t(4)), Some(p(4)));
    tree.pids.start_again();
    assert_eq!(tree.allocate(), Some(t(6)));
    tree.remove_thread(t(5));
    assert_eq!(tree.process_of_thread(t(5)), None);
    assert_eq!(tree.first_from(p(3)).map(|(pid, _)| pid), Some(p(3)));
    assert!(tree.first_from(p(5)).is_none());
    assert_eq!(tree.last_number(), 6);
}
