//! Who needs whom: the order in which plugins start, and why some of them cannot.
//!
//! It looks at names and versions only; nothing is created or run here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use indexmap::IndexMap;

use crate::names::{nearest, suggestion};
use crate::requirement::{Requirement, is_version};
use crate::{Error, ErrorKind};

#[cfg(test)]
mod tests;

/// One plugin, as far as the graph cares.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it needs, as [`Requirement`] reads it.
    pub requires: &'a [String],
}

/// What came out of [`resolve`]. Each node is in exactly one of the three.
#[derive(Debug)]
pub struct Resolution {
    /// The plugins that can start, each after all that it needs.
    pub order: Vec<String>,
    /// The plugins whose own requirements are wrong: unreadable, missing, of another version, or
    /// going round in a circle.
    pub broken: IndexMap<String, Error>,
    /// The plugins that need one that cannot start.
    pub skipped: IndexMap<String, Error>,
}

/// Orders `nodes` so that each starts after all that it needs; the given order is kept otherwise.
///
/// `unavailable` are plugins that are known but will not start; the reason completes "`a`, which
/// …", such as `is disabled` or `failed to load`.
#[must_use]
pub fn resolve(nodes: &[Node<'_>], unavailable: &BTreeMap<String, String>) -> Resolution {
    Graph::new(nodes, unavailable).resolve()
}

/// The plugins that need `name`, directly or through others, in the order in which they start.
#[must_use]
pub fn dependents(nodes: &[Node<'_>], name: &str) -> Vec<String> {
    let unavailable = BTreeMap::new();
    let graph = Graph::new(nodes, &unavailable);
    let mut affected: HashSet<usize> = graph.places.get(name).copied().into_iter().collect();
    let mut found = Vec::new();
    for node in graph.order(&graph.in_circles()) {
        if graph.needs[node].iter().any(|needed| affected.contains(needed)) {
            affected.insert(node);
            found.push(graph.nodes[node].name.to_owned());
        }
    }
    found.retain(|dependent| dependent != name);
    found
}

/// Nodes by their place in the list, with what is wrong with each on its own.
struct Graph<'a> {
    nodes: &'a [Node<'a>],
    unavailable: &'a BTreeMap<String, String>,
    places: HashMap<&'a str, usize>,
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
    /// Why a node cannot start, completing "`name` …", and what to do about it.
    own_faults: Vec<Option<Fault>>,
    /// The first thing each node needs that is known but unavailable.
    waits_for: Vec<Option<&'a str>>,
}

struct Fault {
    why: String,
    hint: String,
}

impl<'a> Graph<'a> {
    fn new(nodes: &'a [Node<'a>], unavailable: &'a BTreeMap<String, String>) -> Self {
        let mut graph = Self {
            nodes,
            unavailable,
            places: nodes.iter().enumerate().map(|(place, node)| (node.name, place)).collect(),
            needs: vec![Vec::new(); nodes.len()],
            needed_by: vec![Vec::new(); nodes.len()],
            own_faults: Vec::with_capacity(nodes.len()),
            waits_for: vec![None; nodes.len()],
        };
        for (place, node) in nodes.iter().enumerate() {
            let faults: Vec<Fault> = node
                .requires
                .iter()
                .filter_map(|text| match text.parse() {
                    Ok(requirement) => graph.connect(place, &requirement),
                    Err(error) => Some(Fault {
                        why: format!("has a requirement that is wrong: {}", error.message()),
                        hint: error.hint().unwrap_or_default().to_owned(),
                    }),
                })
                .collect();
            graph.own_faults.push(Fault::all(faults));
        }
        graph
    }

    /// Draws the edge for one requirement, or says what is wrong with it.
    fn connect(&mut self, node: usize, requirement: &Requirement) -> Option<Fault> {
        let needed = requirement.name();
        if let Some((known, _)) = self.unavailable.get_key_value(needed) {
            self.waits_for[node].get_or_insert(known);
            return None;
        }
        let Some(&place) = self.places.get(needed) else {
            return Some(Fault {
                why: format!("needs \"{requirement}\", which is missing"),
                hint: self.way_out(needed, self.nodes[node].name),
            });
        };
        self.needs[node].push(place);
        self.needed_by[place].push(node);
        let found = self.nodes[place].version;
        if requirement.matches(found) {
            return None;
        }
        let why = if is_version(found) {
            format!("needs \"{requirement}\", but \"{needed}\" is {found}")
        } else {
            format!(
                "needs \"{requirement}\", but the version of \"{needed}\", {found:?}, is not one \
                 that PEP 440 can compare"
            )
        };
        Some(Fault { why, hint: format!("Install a version of \"{needed}\" that fits") })
    }

    /// What to do about a missing plugin.
    fn way_out(&self, needed: &str, asking: &str) -> String {
        let others = self.nodes.iter().map(|node| node.name).filter(|name| *name != asking);
        if nearest(needed, others.clone()).is_empty() {
            return format!(
                "Put a plugin called {needed:?} into a plugin directory, or take it out of \"requires\""
            );
        }
        suggestion(needed, others)
    }

    fn resolve(mut self) -> Resolution {
        let circles = self.in_circles();
        for &node in &circles {
            let fault = self.circle_through(node);
            let faults = self.own_faults[node].take().into_iter().chain([fault]).collect();
            self.own_faults[node] = Fault::all(faults);
        }
        let mut resolution =
            Resolution { order: Vec::new(), broken: IndexMap::new(), skipped: IndexMap::new() };
        let mut reasons: Vec<Option<String>> = vec![None; self.nodes.len()];
        for node in self.order(&circles) {
            let name = self.nodes[node].name.to_owned();
            if let Some(Fault { why, hint }) = &self.own_faults[node] {
                resolution.broken.insert(name, self.error(node, why, hint));
                reasons[node] = Some(why.clone());
            } else if let Some((cause, reason)) = self.blocked(node, &reasons) {
                let why = format!("needs \"{cause}\", which {reason}");
                let hint = format!("\"{}\" starts once \"{cause}\" can", self.nodes[node].name);
                resolution.skipped.insert(name, self.error(node, &why, &hint));
                reasons[node] = Some(why);
            } else {
                resolution.order.push(name);
            }
        }
        resolution
    }

    /// What `node` needs that cannot start, and why not.
    fn blocked<'r>(
        &'r self,
        node: usize,
        reasons: &'r [Option<String>],
    ) -> Option<(&'r str, &'r str)> {
        if let Some(name) = self.waits_for[node] {
            return Some((name, &self.unavailable[name]));
        }
        self.needs[node]
            .iter()
            .find_map(|&needed| Some((self.nodes[needed].name, reasons[needed].as_deref()?)))
    }

    fn error(&self, node: usize, why: &str, hint: &str) -> Error {
        let name = self.nodes[node].name;
        Error::new(ErrorKind::Dependency, format!("\"{name}\" {why}"))
            .with_plugin(name)
            .with_hint(hint)
    }

    /// All nodes, each after what it needs; of those that could come next, the first given does.
    /// Nodes in `circles` wait for nothing.
    fn order(&self, circles: &HashSet<usize>) -> Vec<usize> {
        let mut missing: Vec<usize> = (0..self.nodes.len())
            .map(|node| if circles.contains(&node) { 0 } else { self.needs[node].len() })
            .collect();
        let mut ready: BTreeSet<usize> =
            (0..self.nodes.len()).filter(|&node| missing[node] == 0).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(node) = ready.pop_first() {
            order.push(node);
            for &dependent in self.needed_by[node].iter().filter(|node| !circles.contains(node)) {
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    ready.insert(dependent);
                }
            }
        }
        order
    }

    /// The nodes that need themselves in the end.
    fn in_circles(&self) -> HashSet<usize> {
        let ordered: HashSet<usize> = self.order(&HashSet::new()).into_iter().collect();
        (0..self.nodes.len())
            .filter(|node| !ordered.contains(node) && !self.path_back(*node).is_empty())
            .collect()
    }

    /// The shortest way from `node` back to itself, or nothing.
    fn path_back(&self, node: usize) -> Vec<usize> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([node]);
        while let Some(here) = queue.pop_front() {
            for &next in &self.needs[here] {
                if came_from.contains_key(&next) {
                    continue;
                }
                came_from.insert(next, here);
                if next != node {
                    queue.push_back(next);
                    continue;
                }
                let mut path = vec![node];
                let mut step = here;
                while step != node {
                    path.push(step);
                    step = came_from[&step];
                }
                path.push(node);
                path.reverse();
                return path;
            }
        }
        Vec::new()
    }

    fn circle_through(&self, node: usize) -> Fault {
        let names: Vec<&str> =
            self.path_back(node).into_iter().map(|step| self.nodes[step].name).collect();
        Fault {
            why: format!("needs itself: {}", names.join(" -> ")),
            hint: "Take one of these requirements away".to_owned(),
        }
    }
}

impl Fault {
    /// All faults of one node as one.
    fn all(faults: Vec<Self>) -> Option<Self> {
        faults.into_iter().reduce(|mut all, next| {
            all.why = format!("{}, and {}", all.why, next.why);
            all
        })
    }
}
