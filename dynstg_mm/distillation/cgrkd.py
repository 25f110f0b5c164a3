"""CGRKD: a large teacher teaches a small student the relations between joints, frames and limbs."""
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.dist import all_gather, get_rank

from dynstg_mm.distillation.distiller import Distiller, check_options, gather_clips
from dynstg_mm.distillation.relations import graph_nodes, relation_loss

KINDS = ('joint', 'frame', 'limb')


@MODELS.register_module()
class CGRKD(Distiller):
    r"""Cross-graph relational knowledge distillation.

    .. math:: L = L_{cls} + a L_{logit} + b L_{batch} + c L_{memory}

    Source: method, CGRKD (our reading of arXiv 2503.13156); relations after CIRKD (Yang 2022), logits after Hinton 2015.
    Unlike CIRKD's, a row of relations runs over the nodes of all other clips of the batch, not of one at a time: the last
    features of a teacher tell which clips are alike (its joints of one class had a mean cosine of 0.74, of different ones
    -0.18) and little about which joints are, and a softmax over one clip takes out just how alike it is as a whole
    (`pairwise=True` has it). With different skeletons the joints of both cannot be compared one by one, and frames and
    the limbs that have the same name in both carry the relations. A batch of one clip has no in-batch relations.

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        logit_weight, batch_weight, memory_weight (float): a, b, c; 0 switches a term off.
        logit_temperature (float): Temperature of the logits.
        temperature (float): Tau of the relations.
        memory_size (int): Entries of each kind and class; of 25 joints, 256 are the last 10 clips. The memory takes
            kinds * classes * size * c_t floats, and a step compares every node of the batch with classes * size entries
            of its kind.
        nodes (Sequence[str], optional): Kinds of nodes whose relations are taught, of 'joint', 'frame' and 'limb'.
            By default all that the two skeletons share.
        pairwise (bool): Rows of in-batch relations run over the nodes of one clip at a time, for every pair of clips, as
            the method and CIRKD have them.

    Raises:
        ValueError: Also where two different layouts have no limb in common, or `nodes` asks for their joints.
    """

    def __init__(self, teacher, teacher_ckpt, student, logit_weight=1., batch_weight=0.1, memory_weight=0.1,
                 logit_temperature=4., temperature=0.1, memory_size=256, nodes=None, pairwise=False):
        check_options(logit_weight=logit_weight, batch_weight=batch_weight, memory_weight=memory_weight,
                      logit_temperature=logit_temperature, temperature=temperature, memory_size=memory_size)
        if not isinstance(pairwise, bool):
            raise ValueError(f'pairwise: {pairwise!r}; expected True or False.')
        super().__init__(teacher, teacher_ckpt, student)
        self.weights = dict(logit=logit_weight, batch=batch_weight, memory=memory_weight)
        self.logit_temperature, self.temperature, self.pairwise = logit_temperature, temperature, pairwise
        if not batch_weight and not memory_weight:
            node_kinds(nodes, KINDS)
            return  # without relations no projection, which would be a parameter without a gradient
        same = self.share_graph(student, teacher, joints=False)
        self.kinds = node_kinds(nodes, KINDS if same else KINDS[1:])
        if not memory_weight:
            return
        width, classes = self.distill_projection.out_features, self.cls_head.num_classes
        self.register_buffer('distill_memory', torch.zeros(len(self.kinds), classes, memory_size, width))
        self.register_buffer('distill_filled', torch.zeros(len(self.kinds), classes, dtype=torch.long))

    def forget(self):
        """Empty the memory."""
        for value in (getattr(self, name, None) for name in ('distill_memory', 'distill_filled')):
            if value is not None:
                value.zero_()

    def distill(self, student, teacher, labels):
        """The terms that are on: `loss_logit`, `loss_batch`, `loss_memory`."""
        losses, weights = {}, self.weights
        if weights['logit']:
            losses['loss_logit'] = weights['logit'] * logit_loss(student.scores, teacher.scores, self.logit_temperature)
        if not weights['batch'] and not weights['memory']:
            return losses
        seen, taught = self._nodes(student.features, teacher.features)
        if weights['batch']:
            losses['loss_batch'] = weights['batch'] * sum(
                self._batch_loss(seen[kind], taught[kind]) for kind in self.kinds) / len(self.kinds)
        if weights['memory']:
            losses['loss_memory'] = weights['memory'] * self._memory_loss(seen, taught)
            self._remember(taught, labels)
        return losses

    def _nodes(self, features, teacher_features):
        """Nodes of both networks, the student's in the teacher's width; persons are averaged."""
        features, teacher_features = features.mean(1), teacher_features.mean(1)
        frames = min(features.shape[2], teacher_features.shape[2])
        projected = self.distill_projection(features.movedim(1, -1)).movedim(-1, 1)
        return (graph_nodes(projected, self.distill_student_pool, frames),
                graph_nodes(teacher_features, self.distill_teacher_pool, frames))

    def _batch_loss(self, student, teacher):
        """Both networks compare the nodes of a clip with those of the other clips of all ranks, together or one by one."""
        student_to, teacher_to = gather_clips(student), gather_clips(teacher)
        if self.pairwise:
            return relation_loss(student, teacher, student_to.flatten(0, 1), teacher_to.flatten(0, 1), self.temperature,
                                 row=student.shape[1])
        clips = torch.arange(len(student_to), device=student.device)
        own = clips[:, None] == clips.repeat_interleave(student.shape[1])
        own = own[get_rank() * len(student):][:len(student)]
        return relation_loss(student, teacher, student_to.flatten(0, 1), teacher_to.flatten(0, 1), self.temperature, own)

    def _memory_loss(self, student, teacher):
        """Both networks compare their nodes with what the memory holds of every class."""
        # a memory still empty teaches nothing, but every parameter has a gradient
        total = 0 * sum(value.sum() for value in self.distill_projection.parameters())
        for index, kind in enumerate(self.kinds):
            filled = self.distill_filled[index].clamp_max(self.distill_memory.shape[2])
            entries = int(filled.min())  # the same number of each class, so that none outweighs another
            if entries:
                held = self.distill_memory[index, :, :entries].flatten(0, 1).clone()  # it is written to below
                total = total + relation_loss(student[kind], teacher[kind], held, held,
                                              self.temperature) / len(self.kinds)
        return total

    @torch.no_grad()
    def _remember(self, teacher, labels):
        """Put the teacher's nodes of the labelled windows of all ranks into the rings of their classes."""
        teacher = {kind: nodes[:len(labels)] for kind, nodes in teacher.items()}
        labels = torch.cat(all_gather(labels))
        size = self.distill_memory.shape[2]
        for index, kind in enumerate(self.kinds):
            nodes = torch.cat(all_gather(teacher[kind].contiguous()))
            for label in labels.unique().tolist():
                new = nodes[labels == label].flatten(0, 1)[-size:]
                places = (self.distill_filled[index, label] + torch.arange(len(new), device=new.device)) % size
                self.distill_memory[index, label, places] = new
                self.distill_filled[index, label] += len(new)


def node_kinds(nodes, shared):
    """The kinds of nodes asked for, of those that two skeletons share."""
    asked = shared if nodes is None else tuple(nodes) if isinstance(nodes, (list, tuple)) else (nodes, )
    if not asked or any(kind not in shared for kind in asked):
        raise ValueError(f'nodes: {nodes!r}; expected one or more of {", ".join(shared)}'
                         + ('.' if 'joint' in shared else '; the joints of two skeletons are not the same.'))
    return tuple(kind for kind in shared if kind in asked)


def logit_loss(student, teacher, temperature):
    r"""KL from the teacher's to the student's softened scores, :math:`\tau^2 KL(p_t \| p_s)` (Hinton 2015, eq. 4).

    Shape:
        student, teacher: (N, classes), before the softmax. Result: scalar.
    """
    return temperature**2 * F.kl_div((student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1),
                                     reduction='batchmean', log_target=True)
