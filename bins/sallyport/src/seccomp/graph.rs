//! A program as a graph of decisions, in which equal parts are there once, and its instructions.

use super::action::Action;
use super::bpf::{AND_K, Compare, Insn, JA, LD_ABS, MAX_LEN, Malformed, Program, RET_K};
use std::collections::HashMap;

/// A node: what is done from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// The answer.
    Return(Action),
    /// The word at this offset is loaded.
    Load(u32, Node),
    /// Only these bits are kept.
    And(u32, Node),
    /// One way or the other.
    Branch(Compare, u32, Node, Node),
}

/// The nodes made so far.
#[derive(Default)]
pub struct Graph {
    kinds: Vec<Kind>,
    known: HashMap<Kind, Node>,
}

impl Graph {
    fn node(&mut self, kind: Kind) -> Node {
        let next = Node(self.kinds.len());
        let node = *self.known.entry(kind).or_insert(next);
        if node == next {
            self.kinds.push(kind);
        }
        node
    }

    fn kind(&self, node: Node) -> Option<Kind> {
        self.kinds.get(node.0).copied()
    }

    /// The answer.
    pub fn answer(&mut self, action: Action) -> Node {
        self.node(Kind::Return(action))
    }

    /// Loads the word at `offset`, then goes on.
    pub fn load(&mut self, offset: u32, then: Node) -> Node {
        match self.kind(then) {
            // What does not look at it does not need it.
            Some(Kind::Return(_) | Kind::Load(..)) => then,
            _ => self.node(Kind::Load(offset, then)),
        }
    }

    /// Keeps only the bits of `mask`, then goes on.
    pub fn and(&mut self, mask: u32, then: Node) -> Node {
        if mask == u32::MAX { then } else { self.node(Kind::And(mask, then)) }
    }

    /// Compares what is loaded.
    pub fn branch(&mut self, compare: Compare, k: u32, yes: Node, no: Node) -> Node {
        if yes == no { yes } else { self.node(Kind::Branch(compare, k, yes, no)) }
    }

    /// Where to go when the word at `offset` is loaded already and nothing else has been done with it: behind the
    /// load, if `to` starts with the same.
    pub fn with_loaded(&self, offset: u32, to: Node) -> Node {
        match self.kind(to) {
            Some(Kind::Load(loaded, then)) if loaded == offset => then,
            _ => to,
        }
    }

    /// The instructions, `start` first.
    pub fn assemble(&self, start: Node) -> Result<Program, Malformed> {
        // Each node is an instruction at least. Asked first, so that what follows is never deep.
        let count = self.reachable(start);
        if count > MAX_LEN {
            return Err(Malformed::TooLong(count));
        }
        let mut assembler = Assembler { graph: self, code: Vec::new(), places: HashMap::new() };
        assembler.place(start);
        assembler.code.reverse();
        Program::new(assembler.code)
    }

    fn reachable(&self, start: Node) -> usize {
        let mut seen = vec![false; self.kinds.len()];
        let mut ahead = vec![start];
        let mut count = 0;
        while let Some(node) = ahead.pop() {
            match seen.get_mut(node.0) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            count += 1;
            match self.kind(node) {
                Some(Kind::Load(_, then) | Kind::And(_, then)) => ahead.push(then),
                Some(Kind::Branch(_, _, yes, no)) => ahead.extend([yes, no]),
                Some(Kind::Return(_)) | None => {}
            }
        }
        count
    }
}

/// Writes a program from its end: when an instruction is written, all that it can jump to has its place.
struct Assembler<'a> {
    graph: &'a Graph,
    /// Instructions, the last one first.
    code: Vec<Insn>,
    /// How many instructions there are from a node's first one to the end.
    places: HashMap<Node, usize>,
}

impl Assembler<'_> {
    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) {
        self.code.push(Insn { code, jt, jf, k });
    }

    /// How many instructions lie between the next one to be written and `node`.
    fn distance(&self, node: Node) -> usize {
        self.places.get(&node).map_or(0, |place| self.code.len().saturating_sub(*place))
    }

    fn place(&mut self, node: Node) {
        if self.places.contains_key(&node) {
            return;
        }
        match self.graph.kind(node) {
            Some(Kind::Return(action)) => self.push(RET_K, 0, 0, action.0),
            Some(Kind::Load(offset, then)) => {
                self.place_next(then);
                self.push(LD_ABS, 0, 0, offset);
            }
            Some(Kind::And(mask, then)) => {
                self.place_next(then);
                self.push(AND_K, 0, 0, mask);
            }
            Some(Kind::Branch(compare, k, yes, no)) => {
                self.place(yes);
                self.place(no);
                let (jt, jf) = self.bring_near(yes, no);
                self.push(compare.code(), jt, jf, k);
            }
            None => {}
        }
        self.places.insert(node, self.code.len());
    }

    /// Sees to it that `node` comes next.
    fn place_next(&mut self, node: Node) {
        self.place(node);
        if self.distance(node) != 0 {
            self.again(node);
        }
    }

    /// Writes something here that does what `node` does, and lets whoever comes later use this one.
    fn again(&mut self, node: Node) {
        match self.graph.kind(node) {
            // As short as a jump to it.
            Some(Kind::Return(action)) => self.push(RET_K, 0, 0, action.0),
            _ => {
                let distance = u32::try_from(self.distance(node)).unwrap_or(u32::MAX);
                self.push(JA, 0, 0, distance);
            }
        }
        self.places.insert(node, self.code.len());
    }

    /// Distances of both, which have to fit into a byte each.
    fn bring_near(&mut self, yes: Node, no: Node) -> (u8, u8) {
        loop {
            match (u8::try_from(self.distance(yes)), u8::try_from(self.distance(no))) {
                (Ok(jt), Ok(jf)) => return (jt, jf),
                (Err(_), _) => self.again(yes),
                (_, Err(_)) => self.again(no),
            }
        }
    }
}
