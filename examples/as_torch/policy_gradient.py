"""A policy learns to balance a pole: pure PyTorch, run on either library, with NumPy's draws. Prints loss and length of every episode.

REINFORCE with a baseline (Williams 1992); the cart and its pole are those of Barto, Sutton and Anderson 1983.
"""

import argparse
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class CartPole:
    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        self.state = self.rng.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, action):
        x, v, angle, turn = self.state
        force = 10.0 if action == 1 else -10.0
        push = (force + 0.05 * turn**2 * math.sin(angle)) / 1.1
        turning = (9.8 * math.sin(angle) - math.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1))
        acceleration = push - 0.05 * turning * math.cos(angle) / 1.1
        self.state = np.array([x + 0.02 * v, v + 0.02 * acceleration, angle + 0.02 * turn, turn + 0.02 * turning])
        return self.state, 1.0, bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(4, 16)
        self.action_head = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)

    def forward(self, x):
        x = F.tanh(self.affine(x))
        return F.log_softmax(self.action_head(x), dim=-1), self.value_head(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--gamma", type=float, default=0.99, metavar="G")
    args = parser.parse_args()
    rng = np.random.default_rng(2)
    torch.set_default_dtype(torch.float64)
    policy = Policy()
    if args.weights:
        start = np.load(args.weights)
        policy.load_state_dict({name: torch.from_numpy(start[name]) for name in policy.state_dict()})
    env, optimizer, eps = CartPole(rng), torch.optim.Adam(policy.parameters(), lr=3e-2), np.finfo(np.float64).eps.item()
    for _ in range(args.episodes):
        state, saved, rewards = env.reset(), [], []
        for _ in range(60):
            log_probs, value = policy(torch.from_numpy(state))
            action = int(rng.uniform() > log_probs.exp()[0].item())
            saved.append((log_probs[action], value))
            state, reward, done = env.step(action)
            rewards.append(reward)
            if done:
                break
        returns, r = [], 0.0
        for reward in rewards[::-1]:
            r = reward + args.gamma * r
            returns.insert(0, r)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        policy_losses, value_losses = [], []
        for (log_prob, value), target in zip(saved, returns, strict=True):
            policy_losses.append(-log_prob * (target - value.item()))
            value_losses.append(F.smooth_l1_loss(value, target.reshape(1)))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        print(repr(loss.item()))
        print(len(rewards))


if __name__ == "__main__":
    main()
